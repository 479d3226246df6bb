"""Ticks of the beat: each is carried out in one place at a time, whoever sends how many of them.

Who is at a tick holds a lock of PostgreSQL, on a connection that this process keeps for these locks alone: never on one
of the pool, where a lock could stay behind and silence a tick for everybody. When the process dies, or this
connection breaks, PostgreSQL frees the locks by itself; no clock is asked. A tick that loses its lock so ends its
round beside another one: everything ticks do takes rows that nobody else has.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from celery import Task
from django.db import OperationalError

from engine.services.workers import connect_apart

#: First half of the locks' names; the second is made of the tick's name.
LOCK_SPACE = 7_260_413
_SIGNED = 2**31


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Tell whether nobody else is at this tick right now, and keep it so until the block ends.

    Raises Django's OperationalError when PostgreSQL can not be reached.
    """
    is_alone = _own.take(name)
    try:
        yield is_alone
    finally:
        if is_alone:
            _own.give_back(name)


def asked_again(name: str) -> bool:
    """Tell whether another tick of the same name was left out in this process since this was asked last.

    One that is about to end goes on for it: nobody else comes before the next period.
    """
    return _own.forget_left_out(name)


def let_go() -> None:
    """Close the connection of this process's locks, which frees them; the next tick opens another."""
    with _own.guard:
        _own.drop()


class Tick(Task):  # type: ignore[type-arg] # generic for type checkers only
    """A task of the beat. One that comes while the same is being carried out is left out: the next is near."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Carry it out, or leave it out."""
        with alone(self.name) as is_alone:
            return super().__call__(*args, **kwargs) if is_alone else None


@dataclass(slots=True)
class _Locks:
    """The ticks that this process is at, and the connection that holds their locks."""

    #: A session may take its own lock again: threads of one process are kept apart here.
    names: set[str] = field(default_factory=set)
    #: Those of them for which another one came meanwhile.
    left_out: set[str] = field(default_factory=set)
    guard: threading.Lock = field(default_factory=threading.Lock)
    line: psycopg.Connection[Any] | None = None
    #: Connections of the parent process, kept only so that nothing closes them here.
    inherited: list[psycopg.Connection[Any]] = field(default_factory=list)

    def take(self, name: str) -> bool:
        """Take the lock of a tick, and tell whether it was free."""
        with self.guard:
            if name in self.names:
                self.left_out.add(name)
                return False
            try:
                is_free = self._try_to_lock(name)
            except psycopg.Error as error:
                self.drop()
                raise OperationalError("No lock for this tick: PostgreSQL can not be reached.") from error
            if is_free:
                self.names.add(name)
            return is_free

    def give_back(self, name: str) -> None:
        """Free the lock of a tick; where that fails, the end of the connection frees it."""
        with self.guard:
            self.names.discard(name)
            self.left_out.discard(name)
            if self.line is None:
                return
            try:
                self.line.execute("SELECT pg_advisory_unlock(%s, %s)", _numbers(name))
            except psycopg.Error:
                self.drop()

    def forget_left_out(self, name: str) -> bool:
        """Tell whether a tick was left out beside this one, once."""
        with self.guard:
            was_left_out = name in self.left_out
            self.left_out.discard(name)
            return was_left_out

    def begin_anew(self) -> None:
        """Be at nothing in a forked child; what its parent holds is its parent's."""
        self.guard, self.names, self.left_out = threading.Lock(), set(), set()
        if self.line is not None:
            if not self.line.closed:
                os.close(self.line.fileno())
            self.inherited.append(self.line)
            self.line = None

    def _try_to_lock(self, name: str) -> bool:
        for is_last in (False, True):
            if self.line is None:
                self.line = connect_apart("ticks")
            try:
                row = self.line.execute("SELECT pg_try_advisory_lock(%s, %s)", _numbers(name)).fetchone()
            except psycopg.OperationalError:
                # It broke since it was used last; what it held is free already.
                self.drop()
                if is_last:
                    raise
            else:
                return bool(row and row[0])
        return False

    def drop(self) -> None:
        """Close the connection; called under the guard."""
        line, self.line = self.line, None
        if line is not None:
            with suppress(psycopg.Error):
                line.close()


def _numbers(name: str) -> list[int]:
    return [LOCK_SPACE, zlib.crc32(name.encode()) - _SIGNED]


_own = _Locks()
os.register_at_fork(after_in_child=_own.begin_anew)
