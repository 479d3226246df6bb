"""What is looked at every few seconds, besides the doctor's promises: each finds what is wrong now."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from channels.models import DeliveryEvent
from engine.broker_queues import STEP_QUEUES
from engine.models import QueueControl
from engine.services.priorities import QUEUES
from monitoring.models import Alert
from monitoring.services.alerts import Trouble
from monitoring.wording import counted, span

Level = Alert.Level

#: A heart that has not beaten for so long has stopped.
SILENT = timedelta(seconds=30)
#: A kind of worker that was last seen longer ago is not expected any more.
EXPECTED = timedelta(days=1)
#: How far a host's clock may be off.
SKEW = timedelta(seconds=2)
#: Hosts that were not heard of for so long are not asked about their clock any more.
HOST_GONE = timedelta(minutes=10)
STOPPED = timedelta(minutes=10)
LATE = timedelta(minutes=1)
OLD_TRANSACTION = timedelta(seconds=60)
#: Providers report within so long; what was accepted twice as long ago is not looked at any more.
UNHEARD = timedelta(hours=24)
#: What may be over at the next look is told of after it was seen again.
SHORTLY = timedelta(seconds=8)
#: Named singly; the rest is counted on the monitor.
MOST = 50


@dataclass(frozen=True, slots=True)
class Watch:
    """One thing that is looked at."""

    name: str
    look: Callable[[datetime], list[Trouble]]
    #: None: at every look of the watchman.
    every: timedelta | None = None


WATCHES: list[Watch] = []


def watch(
    every: timedelta | None = None,
) -> Callable[[Callable[[datetime], list[Trouble]]], Callable[[datetime], list[Trouble]]]:
    """Enter a watch into the list that the watchman goes through; its name is the function's."""

    def enter(look: Callable[[datetime], list[Trouble]]) -> Callable[[datetime], list[Trouble]]:
        WATCHES.append(Watch(look.__name__, look, every))
        return look

    return enter


def _rows(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def _queue_runs() -> bool:
    return not QueueControl.objects.filter(id=1, running=False).exists()


@watch()
def beat(_now: datetime) -> list[Trouble]:
    """Notice that no tick came."""
    if not _queue_runs():
        return []
    return [
        Trouble(
            key="beat",
            level=Level.CRITICAL,
            title="The beat is silent: nothing new is begun.",
            detail=f"No tick for {span(timedelta(seconds=silent))}. Start the beat, and the worker of the queue ticks.",
            patience=SHORTLY,
        )
        for (silent,) in _rows(
            """SELECT EXTRACT(EPOCH FROM clock_timestamp() - beat_at)::float FROM engine_heartbeat
               WHERE name = 'beat' AND beat_at < clock_timestamp() - %(silent)s""",
            silent=SILENT,
        )
    ]


@watch()
def workers(_now: datetime) -> list[Trouble]:
    """Notice kinds of workers of which none lives; one of several that is gone does no harm."""
    if not _queue_runs():
        return []
    return [
        Trouble(
            key=f"worker:{kind}",
            level=Level.CRITICAL,
            title=f"No {kind} shows life.",
            detail=f"The last sign was {span(timedelta(seconds=silent))} ago. Its steps wait or go to other workers: "
            "start it again.",
            patience=SHORTLY,
        )
        for kind, silent in _rows(
            # Workers of one kind may be numbered.
            r"""SELECT regexp_replace(split_part(substr(name, 8), '@', 1), '-[0-9]+$', ''),
                      EXTRACT(EPOCH FROM clock_timestamp() - max(beat_at))::float
               FROM engine_heartbeat WHERE name LIKE 'worker:%%' GROUP BY 1
               HAVING max(beat_at) < clock_timestamp() - %(silent)s
                  AND max(beat_at) > clock_timestamp() - %(expected)s ORDER BY 1""",
            silent=SILENT,
            expected=EXPECTED,
        )
    ]


@watch()
def unserved(_now: datetime) -> list[Trouble]:
    """Notice queues of the broker that no living worker takes steps from, while others are served."""
    served = {
        queue
        for (queues,) in _rows(
            """SELECT detail->'queues' FROM engine_heartbeat WHERE name LIKE 'worker:%%'
               AND jsonb_typeof(detail->'queues') = 'array' AND beat_at > clock_timestamp() - %(silent)s""",
            silent=SILENT,
        )
        for queue in json.loads(queues)
    }
    missing = [name for name in (*QUEUES, *STEP_QUEUES) if name not in served]
    if not served or not missing or not _queue_runs():
        return []
    return [
        Trouble(
            key="unserved",
            level=Level.CRITICAL,
            title=f"No worker serves {', '.join(missing)}.",
            detail="Steps of these queues wait. Start the workers that are missing: worker-steps carries out instant "
            "steps, worker-all what is sent (see docs/architecture.md).",
            patience=SILENT,
        )
    ]


def host_skew() -> timedelta:
    """Measure by how much this host's clock is ahead of PostgreSQL's, to within half a round trip."""
    # The host's own clock is what is judged here, so this is not a way to tell the time.
    before = time.clock_gettime(time.CLOCK_REALTIME)
    theirs: datetime = _rows("SELECT clock_timestamp()")[0][0]
    after = time.clock_gettime(time.CLOCK_REALTIME)
    return datetime.fromtimestamp((before + after) / 2, UTC) - theirs


@watch()
def clocks(_now: datetime) -> list[Trouble]:
    """Notice that the clock of this host is off; each host answers for itself."""
    skew, host = host_skew(), socket.gethostname()
    if abs(skew) <= SKEW:
        return []
    return [
        Trouble(
            key=f"clock:{host}",
            level=Level.WARNING,
            title=f"The clock of {host} is {abs(skew).total_seconds():.1f} s {'ahead' if skew > timedelta() else 'behind'}.",
            detail="Steps go by PostgreSQL's clock and are not touched; redeliveries of the broker and logs are. "
            "Set the host's time by NTP.",
            patience=SHORTLY,
        )
    ]


@watch()
def queue(now: datetime) -> list[Trouble]:
    """Notice that processing was switched off and forgotten."""
    control = QueueControl.objects.filter(id=1, running=False).first()
    if control is None or control.changed_at is None or control.changed_at > now - STOPPED:
        return []
    return [
        Trouble(
            key="queue_stopped",
            level=Level.WARNING,
            title="Processing is switched off: nothing goes out.",
            detail=f"It was switched off {span(now - control.changed_at)} ago by {control.changed_by or 'nobody known'}. "
            "Switch it on again, or acknowledge this.",
        )
    ]


@watch()
def lateness(now: datetime) -> list[Trouble]:
    """Notice that due steps are not begun."""
    if not _queue_runs():
        return []
    return [
        Trouble(
            key="late_steps",
            level=Level.CRITICAL,
            title="Steps are late.",
            detail=f"The oldest has been due for {span(now - due_at)}. Look at the queues on the monitor, and whether "
            "workers and beat run.",
            patience=SHORTLY,
        )
        for (due_at,) in _rows(
            """SELECT s.due_at FROM engine_schedule s
               JOIN engine_instance i ON i.id = s.instance_id AND i.status = 'active'
               WHERE s.state = 'waiting' AND s.due_at < %(before)s ORDER BY s.due_at LIMIT 1""",
            before=now - LATE,
        )
    ]


@watch()
def transactions(_now: datetime) -> list[Trouble]:
    """Notice a transaction that keeps dead rows from being swept."""
    return [
        Trouble(
            key="old_transaction",
            level=Level.WARNING,
            title="A database transaction has been open for more than a minute.",
            detail=f"Process {pid} of PostgreSQL ({state or 'unknown'}), for {span(timedelta(seconds=age))}. While it is open "
            "the queue's table grows. End it with pg_terminate_backend if nobody needs it.",
        )
        for pid, state, age in _rows(
            """SELECT pid, state, EXTRACT(EPOCH FROM clock_timestamp() - xact_start)::float FROM pg_stat_activity
               WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
                 AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL OR state LIKE 'idle in transaction%%')
                 AND xact_start < clock_timestamp() - %(old)s ORDER BY xact_start LIMIT 1""",
            old=OLD_TRANSACTION,
        )
    ]


@watch()
def doubts(now: datetime) -> list[Trouble]:
    """Notice messages that stay in doubt, in one alert for each vendor."""
    minutes = timedelta(minutes=settings.ALERT_DOUBT_MINUTES)
    return [
        Trouble(
            key=f"in_doubt:{vendor_id}",
            level=Level.WARNING,
            title=f"{counted(count, 'message stays', 'messages stay')} in doubt.",
            detail=f"The oldest since {since:%Y-%m-%d %H:%M} UTC. Nobody knows whether the provider took "
            f"{'it' if count == 1 else 'them'}. Look at the provider and say on the monitor what is true.",
            vendor_id=vendor_id,
        )
        for vendor_id, count, since in _rows(
            """SELECT vendor_id, count(*), min(in_doubt_since) FROM channels_message
               WHERE status = 'in_doubt' AND in_doubt_since < %(before)s GROUP BY vendor_id ORDER BY 3 LIMIT %(most)s""",
            before=now - minutes,
            most=MOST,
        )
    ]


@watch()
def emergencies(_now: datetime) -> list[Trouble]:
    """Notice tickets that somebody must work now."""
    return [
        Trouble(
            key=f"ticket:{ticket_id}",
            level=Level.CRITICAL,
            title="A ticket is an emergency.",
            detail=f"{ticket_id} ({code or 'no code'}): {summary}",
            vendor_id=vendor_id,
        )
        for ticket_id, vendor_id, code, summary in _rows(
            """SELECT public_id, vendor_id, code, summary FROM engine_interventionticket
               WHERE status = 'open' AND level = 'emergency' ORDER BY id DESC LIMIT %(most)s""",
            most=MOST,
        )
    ]


@watch()
def circuits(now: datetime) -> list[Trouble]:
    """Notice accounts and services that are not called for now: what goes through them waits."""
    return [
        Trouble(
            key=f"circuit:{key}",
            level=Level.CRITICAL if kind == "account" else Level.WARNING,
            title=f"{name} is not called{' (by hand)' if forced else ''}: what goes through it waits.",
            detail=f"{reason or 'No reason was given.'}"
            f"{f' Since {span(now - opened_at)}.' if opened_at else ''} Nothing is lost: it goes on when it works again.",
            vendor_id=vendor_id,
        )
        for key, kind, name, vendor_id, reason, opened_at, forced in _rows(
            """SELECT key, kind, name, vendor_id, reason, opened_at, forced = 'open' FROM channels_circuit
               WHERE forced = 'open' OR forced = '' AND state <> 'closed' ORDER BY id LIMIT %(most)s""",
            most=MOST,
        )
    ]


@watch()
def dead_letters(_now: datetime) -> list[Trouble]:
    """Notice what broke for good and waits for a person, in one alert for each vendor."""
    return [
        Trouble(
            key=f"dead_letters:{vendor_id or 'system'}",
            level=Level.WARNING,
            title=f"{counted(count, 'dead letter waits', 'dead letters wait')} for a person.",
            detail=f"Kinds: {kinds}. They are kept whole: look at the error of each, then have it done again or discard it.",
            vendor_id=vendor_id,
        )
        for vendor_id, count, kinds in _rows(
            """SELECT vendor_id, count(*), string_agg(DISTINCT kind, ', ' ORDER BY kind) FROM engine_deadletter
               WHERE status = 'open' GROUP BY vendor_id ORDER BY vendor_id NULLS FIRST LIMIT %(most)s""",
            most=MOST,
        )
    ]


def _first_message_since(at: datetime) -> int:
    """Find the first message written at or after `at` by halving: rows are written in the order of time."""
    low, high = _rows("SELECT COALESCE(min(id), 1), COALESCE(max(id), 0) + 1 FROM channels_message")[0]
    while low < high:
        middle = (low + high) // 2
        found = _rows(
            "SELECT id, created_at FROM channels_message WHERE id >= %(id)s ORDER BY id LIMIT 1", id=middle
        )
        if not found or found[0][1] >= at:
            high = middle
        else:
            low = int(found[0][0]) + 1
    return int(low)


@watch(every=timedelta(minutes=10))
def unheard(now: datetime) -> list[Trouble]:
    """Notice messages that a provider took a day ago and never reported on, where it reports on others."""
    first, last = _first_message_since(now - 2 * UNHEARD), _first_message_since(now - UNHEARD)
    counts = _rows(
        """SELECT provider, count(*), count(*) FILTER (WHERE delivery = '') FROM channels_message
           WHERE id >= %(first)s AND id < %(last)s AND status = 'accepted' AND settled_by <> 'person'
           GROUP BY provider ORDER BY provider""",
        first=first,
        last=last,
    )
    return [
        Trouble(
            key=f"unheard:{provider}",
            level=Level.WARNING,
            title=f"{counted(silent, 'message', 'messages')} that {provider} took a day ago: nothing was heard of them."
            if silent > 1
            else f"A message that {provider} took a day ago: nothing was heard of it.",
            detail=f"{silent:,} of {total:,}. Look at the provider whether they went out, and whether its call-backs "
            "reach this system.",
        )
        for provider, total, silent in counts
        if silent and DeliveryEvent.objects.filter(provider=provider).exists()
    ]
