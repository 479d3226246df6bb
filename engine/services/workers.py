"""The life of a process that carries out steps, proven by a lock that PostgreSQL frees when the process dies.

The lock belongs to a connection of its own that nothing else uses, never to the pool. When that connection breaks and
the process lives on, it takes the same lock again under the same number, so that what it is doing stays its own.
"""

from __future__ import annotations

import os
import select
import threading
from dataclasses import dataclass, field
from typing import Any

import psycopg
import structlog
from django.db import connection

log = structlog.get_logger(__name__)

#: First half of the lock's name; the second is the worker's number.
LOCK_SPACE = 7_260_412
#: How long a lock must have been free before its worker counts as dead, in seconds: a connection that broke is
#: taken up again sooner than that.
PATIENCE = 0.9
#: How long after its start PostgreSQL has not heard of everybody yet, in seconds.
RESTART_GRACE = 15.0
#: How long the dead are looked at again, and how long their rows are kept to be seen, in minutes.
WATCHED_MINUTES, KEPT_MINUTES = 10, 60
#: Pauses between attempts to come back, in seconds.
SOONEST, LATEST = 0.1, 2.0

#: How long a process that ends waits for PostgreSQL to hear of it, in seconds.
FAREWELL_SECONDS = 1.0
#: How long the thread sleeps at most, in milliseconds: one that was told to end does so then.
LOOK_AGAIN_MS = 60_000
#: A machine that vanishes without a word is noticed in as many seconds, by both sides.
_IDLE, _EVERY, _TIMES = 2, 1, 3
_SERVER_SIDE = (
    f" -c idle_session_timeout=0 -c tcp_keepalives_idle={_IDLE}"
    f" -c tcp_keepalives_interval={_EVERY} -c tcp_keepalives_count={_TIMES}"
)

_FIND_DEAD = """
WITH held AS MATERIALIZED (
    SELECT objid::bigint AS id FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = %(space)s
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
), seen AS (
    UPDATE engine_worker w
    SET missed_at = CASE WHEN w.missed_at IS NULL THEN clock_timestamp() END
    WHERE (w.missed_at IS NULL) <> EXISTS (SELECT 1 FROM held WHERE held.id = w.id)
)
SELECT w.id FROM engine_worker w
WHERE w.missed_at < clock_timestamp() - make_interval(secs => %(patience)s)
  AND w.missed_at > clock_timestamp() - make_interval(mins => %(watched)s)
  AND NOT EXISTS (SELECT 1 FROM held WHERE held.id = w.id)
  AND pg_postmaster_start_time() < clock_timestamp() - make_interval(secs => %(grace)s)
"""
_LEAVE = """
DELETE FROM engine_worker w WHERE w.id = %s
    AND NOT EXISTS (SELECT 1 FROM engine_schedule s WHERE s.state = 'running' AND s.claimed_by = w.id)
"""


def find_dead() -> list[int]:
    """Give the numbers of workers that died in the last minutes, and write down whose lock is free.

    A worker counts as dead when its lock was free at an earlier look and still is. Nobody does right after a start of
    PostgreSQL, which has lost the locks of the living too.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _FIND_DEAD,
            {
                "space": LOCK_SPACE,
                "patience": PATIENCE,
                "watched": WATCHED_MINUTES,
                "grace": RESTART_GRACE,
            },
        )
        return [int(row[0]) for row in cursor.fetchall()]


def forget_dead() -> int:
    """Delete the rows of workers that died long ago, and return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM engine_worker WHERE missed_at < clock_timestamp() - make_interval(mins => %s)",
            [KEPT_MINUTES],
        )
        return int(cursor.rowcount)


def enlist(*, name: str) -> None:
    """Have this process, and every child it forks, claim under a number of its own from its first claim on.

    Without this a process claims without a number, and only its leases tell that it died.
    """
    _own.name = name[:100]


def own_number() -> int | None:
    """Give this process's number; None when it was not enlisted, or while its lock is being taken again.

    Costs nothing but the first time. Called before every claim.
    """
    if _own.name is None:
        return None
    if _own.life is None:
        with _own.guard:
            if _own.life is None:
                _own.life = _Life(_own.name)
    return _own.life.number if _own.life.held else None


def resign() -> None:
    """Give the lock back and claim without a number from now on."""
    with _own.guard:
        life, _own.life, _own.name = _own.life, None, None
    if life is not None:
        life.end()


def take_leave() -> None:
    """End this process's life in good order: its lock is given back, and its row is gone unless it still holds a claim.

    A PostgreSQL that does not answer keeps nobody from ending: then it is found by its lock, like any that died.
    """
    life, _own.life, _own.name = _own.life, None, None
    if life is not None:
        leaving = threading.Thread(target=life.take_leave, name="worker's leave", daemon=True)
        leaving.start()
        leaving.join(FAREWELL_SECONDS)


class _Life:
    """A number, the lock that proves it, and a thread that sleeps on the lock's connection."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.number: int | None = None
        self.held = False
        self._connection: psycopg.Connection[Any] | None = None
        self._over = threading.Event()
        self._try_to_hold()
        threading.Thread(target=self._stay, name="worker's life", daemon=True).start()

    def end(self) -> None:
        """Give the lock back; the thread ends by itself."""
        self._over.set()
        self.held = False
        if self._connection is not None:
            self._connection.close()

    def take_leave(self) -> None:
        """Delete the row of a life that holds no claim, and give the lock back."""
        self._over.set()
        try:
            if self.held and self._connection is not None:
                self._connection.execute(_LEAVE, [self.number])
        except psycopg.Error as error:
            log.info("left_without_a_word", worker=self.number, error=type(error).__name__)
        self.end()

    def leave_to_parent(self) -> None:
        """Let go, in a forked child, of what belongs to its parent: PostgreSQL must not hear of it."""
        self.held = False
        if self._connection is not None and not self._connection.closed:
            os.close(self._connection.fileno())

    def _stay(self) -> None:
        pause = SOONEST
        while not self._over.is_set():
            if self.held:
                pause = SOONEST
                self._wait_for_the_end()
                continue
            if self._over.wait(pause):
                return
            pause = min(pause * 2, LATEST)
            self._try_to_hold()

    def _wait_for_the_end(self) -> None:
        """Sleep until PostgreSQL says something, which it only does when the connection ends."""
        held = self._connection
        try:
            if held is not None:
                waiting = select.poll()
                waiting.register(held.fileno(), select.POLLIN)
                waiting.poll(LOOK_AGAIN_MS)
                held.execute("SELECT 1")
        except (psycopg.Error, OSError, ValueError) as error:
            self.held = False
            if not self._over.is_set():
                log.warning("life_line_broke", worker=self.number, error=type(error).__name__)
            if held is not None:
                held.close()

    def _try_to_hold(self) -> None:
        """Connect and take the lock, under the old number where that still stands."""
        try:
            self._connection = connect_apart(f"life of {self.name}")
            with self._connection.transaction():
                self.held = self._keep_number() if self._is_known() else self._get_number()
        except psycopg.Error as error:
            self.held = False
            log.warning("life_line_not_held", error=type(error).__name__)
        if not self.held and self._connection is not None:
            self._connection.close()

    def _is_known(self) -> bool:
        if self.number is None or self._connection is None:
            return False
        row = self._connection.execute("SELECT 1 FROM engine_worker WHERE id = %s", [self.number])
        return row.fetchone() is not None

    def _keep_number(self) -> bool:
        """Take the lock of the number it had; while the session that held it has not ended, there is time."""
        if self.number is None or self._connection is None or not _lock(self._connection, self.number):
            return False
        self._connection.execute("UPDATE engine_worker SET missed_at = NULL WHERE id = %s", [self.number])
        return True

    def _get_number(self) -> bool:
        """Begin a life: its row is not seen by anybody before its lock is held."""
        if self._connection is None:
            return False
        row = self._connection.execute(
            "INSERT INTO engine_worker (name, pid) VALUES (%s, %s) RETURNING id", [self.name, os.getpid()]
        ).fetchone()
        self.number = int(row[0]) if row else None
        return self.number is not None and _lock(self._connection, self.number)


def _lock(line: psycopg.Connection[Any], number: int) -> bool:
    row = line.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_SPACE, number]).fetchone()
    return bool(row and row[0])


def connect_apart(name: str) -> psycopg.Connection[Any]:
    """Open a connection beside the pool, for locks of its session; both ends watch it closely.

    PostgreSQL shows it under `name`. Raises psycopg.Error.
    """
    parameters = connection.get_connection_params()
    return psycopg.connect(
        **parameters
        | {
            "autocommit": True,
            "application_name": name[:63],
            "options": parameters.get("options", "") + _SERVER_SIDE,
            "keepalives": 1,
            "keepalives_idle": _IDLE,
            "keepalives_interval": _EVERY,
            "keepalives_count": _TIMES,
            # The same for what was sent and never confirmed, for which keepalives are not asked; in milliseconds.
            "tcp_user_timeout": (_IDLE + _EVERY * _TIMES) * 1000,
        }
    )


@dataclass(slots=True)
class _Own:
    """What this process is."""

    name: str | None = None
    life: _Life | None = None
    guard: threading.Lock = field(default_factory=threading.Lock)
    #: Of the parent, kept only so that nothing closes it here.
    inherited: list[_Life] = field(default_factory=list)


_own = _Own()


def _begin_anew() -> None:
    """Be nobody yet in a forked child; its parent's lock is its parent's."""
    _own.guard = threading.Lock()
    if _own.life is not None:
        _own.life.leave_to_parent()
        _own.inherited.append(_own.life)
        _own.life = None


os.register_at_fork(after_in_child=_begin_anew)
