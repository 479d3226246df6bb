"""What must hold of a live database at every moment, one check for each promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.db.models import Count, Exists, OuterRef

from engine.graphs import graph_of
from engine.models import ChangeoverEntry, Instance, NodeExecution, QueueControl, Schedule
from engine.services import replaying
from journeys import partitions, selectors
from journeys.encryption import DecryptionFailed
from journeys.fields import EncryptedTextField
from journeys.language.calendar import due_from_meant
from journeys.language.errors import DefinitionInvalid

#: Examples named in a report.
EXAMPLES = 5
#: Rows decrypted of each column from either end, and in one of the doctor's own rounds.
SAMPLE, FEW = 20, 2
#: Instances whose history is replayed.
REPLAYED = 200
#: Timers computed anew in one of the doctor's own rounds.
TIMERS = 200
#: Schedules read at once.
CHUNK = 500
#: What may mend itself within a moment is told of after a second look, so long after the first.
A_MOMENT = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: how many rows break the promise, and some of them by number or name."""

    broken: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the database: when, and how far back where a table only grows."""

    now: datetime
    #: Rows of each table that only grows, the newest; None for all of them.
    newest: int | None = None

    def since(self, table: str, *, most: int | None = None) -> int:
        """Give the number that the rows to look at are above; `most` where even fewer are to be looked at."""
        if self.newest is None:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT COALESCE(max(id), 0) FROM {connection.ops.quote_name(table)}")  # noqa: S608 a name of our own
            return max(0, int(cursor.fetchone()[0]) - min(self.newest, most or self.newest))


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise: its name, the sentence that must be true, and what to do where it is not."""

    name: str
    promise: str
    remedy: str
    examine: Callable[[Look], Finding]
    #: It may be broken for a moment while everything is well.
    patience: timedelta = timedelta()

    def check(self, now: datetime, *, newest: int | None = None) -> Finding:
        """Look whether the promise holds, in the whole database or the newest rows of what only grows."""
        return self.examine(Look(now, newest))


INVARIANTS: list[Invariant] = []


def invariant(
    promise: str, *, remedy: str, patience: timedelta = timedelta()
) -> Callable[[Callable[[Look], Finding]], Callable[[Look], Finding]]:
    """Enter a check into the list that `doctor` goes through; its name is the function's."""

    def enter(check: Callable[[Look], Finding]) -> Callable[[Look], Finding]:
        INVARIANTS.append(Invariant(check.__name__, promise, remedy, check, patience))
        return check

    return enter


def rows(sql: str, **parameters: Any) -> Finding:
    """Run a query whose first column names the broken rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [str(row[0]) for row in cursor.fetchall()]
    return Finding(len(names), names[:EXAMPLES])


@invariant(
    "Every active instance stands somewhere: it has a schedule.",
    remedy="Look at the instance's history and cancel it, or roll back to its last step.",
)
def instance_has_schedule(_look: Look) -> Finding:
    """Find active and paused instances that nothing will ever look at."""
    return rows(
        """SELECT i.public_id FROM engine_instance i WHERE i.status IN ('active', 'paused')
           AND NOT EXISTS (SELECT 1 FROM engine_schedule s WHERE s.instance_id = i.id)"""
    )


@invariant(
    "No step is due for more than a minute without a lease, while the queue is running.",
    remedy="Check that the beat and workers run (/health/ready); the sweep puts such steps back by itself.",
    patience=A_MOMENT,
)
def due_work_is_taken(look: Look) -> Finding:
    """Find due rows that nobody has taken up; a stopped queue and a paused instance are reasons."""
    control = QueueControl.objects.filter(id=1).first()
    if control is not None and not control.running:
        return Finding()
    return rows(
        """SELECT s.id FROM engine_schedule s JOIN engine_instance i ON i.id = s.instance_id
           WHERE i.status = 'active' AND s.due_at < %(now)s - interval '1 minute'
             AND (s.state = 'waiting' OR s.state IN ('queued', 'running')
                  AND s.lease_until < clock_timestamp() - interval '1 minute')""",
        now=look.now,
    )


@invariant(
    "What happened is told to the steps that wait for it within a minute.",
    remedy="Look at the dead letters, and for wake_broke in the log: what could not be told is kept.",
    patience=A_MOMENT,
)
def outbox_is_emptied(_look: Look) -> Finding:
    """Find rows of the outbox that no dispatch tick has taken."""
    return rows(
        """SELECT id FROM engine_wake WHERE written_at < clock_timestamp() - interval '1 minute'
           AND NOT EXISTS (SELECT 1 FROM engine_queuecontrol WHERE id = 1 AND NOT running)"""
    )


@invariant(
    "No letter about a meeting is due for more than five minutes without somebody at it.",
    remedy="Look whether the ticks run, at the dead letters, and for notice_broke in the log.",
    patience=A_MOMENT,
)
def letters_about_meetings_go_out(look: Look) -> Finding:
    """Find letters that nobody has taken, or whose lease ended and nobody took them over."""
    return rows(
        """SELECT id FROM engine_meetingnotice
           WHERE state = 'waiting' AND due_at < %(now)s - interval '5 minutes'
              OR state IN ('queued', 'sending') AND lease_until < clock_timestamp() - interval '5 minutes'""",
        now=look.now,
    )


@invariant(
    "A place of an instance is completed at most once.",
    remedy="Stop the queue and report it: a fence was passed twice. Compare the two rows of history.",
)
def completed_once(look: Look) -> Finding:
    """Find places with two completed executions."""
    return rows(
        """SELECT instance_id || ':' || node_id || ':' || branch || ':' || visit FROM engine_nodeexecution
           WHERE status IN ('succeeded', 'skipped') AND id > %(since)s
           GROUP BY instance_id, node_id, branch, visit HAVING count(*) > 1""",
        since=look.since("engine_nodeexecution"),
    )


@invariant(
    "No message was handed over twice.",
    remedy="Stop the queue and report it: the ledger's unique key must make this impossible.",
)
def message_once(look: Look) -> Finding:
    """Find keys with more than one row in the ledger, and provider ids that stand for two messages."""
    return rows(
        """SELECT key FROM channels_message WHERE id > %(since)s GROUP BY key HAVING count(*) > 1
           UNION ALL
           SELECT min(key) FROM channels_message WHERE provider_id <> '' AND id > %(since)s
           GROUP BY provider, provider_id HAVING count(*) > 1""",
        since=look.since("channels_message"),
    )


@invariant(
    "Every message that is being handed over, to be tried again or in doubt belongs to a step that will settle it.",
    remedy="Look the message up at the provider and settle it by hand; its step is gone.",
)
def message_has_owner(look: Look) -> Finding:
    """Find unsettled messages of steps whose schedule is gone."""
    return rows(
        """SELECT m.public_id FROM channels_message m
           WHERE m.status IN ('sending', 'retry', 'in_doubt') AND m.instance_ref <> '' AND m.id > %(since)s
             AND NOT EXISTS (
               SELECT 1 FROM engine_schedule s JOIN engine_instance i ON i.id = s.instance_id
               WHERE i.public_id = m.instance_ref AND s.node_id = m.node_id)
             AND EXISTS (SELECT 1 FROM engine_instance i
                         WHERE i.public_id = m.instance_ref AND i.status IN ('active', 'paused'))""",
        since=look.since("channels_message"),
    )


@invariant(
    "Every timer's instant is what its rule computes today.",
    remedy="Move the wedding to another day and back: each move computes all its timers anew.",
    patience=A_MOMENT,
)
def timers_follow_their_rule(look: Look) -> Finding:
    """Compute every waiting step's instant anew from what was meant."""
    wrong: list[str] = []
    rows = (
        Schedule.objects.filter(
            id__gt=look.since("engine_schedule", most=TIMERS),
            meant__isnull=False,
            instance__status__in=Instance.LIVE,
            attempt=0,
            reason="",
            state=Schedule.State.WAITING,
        )
        .select_related("instance__wedding", "instance__vendor")
        .prefetch_related("instance__wedding__anchors")
        .order_by("pk")
    )
    for schedule in rows.iterator(chunk_size=CHUNK):
        instance = schedule.instance
        calendar = selectors.calendar_of(instance.wedding, instance.vendor)
        instant = due_from_meant(schedule.meant or {}, calendar=calendar).instant
        if instant is None or schedule.due_at is None or instant != schedule.due_at:
            wrong.append(str(schedule.pk))
    return Finding(len(wrong), wrong[:EXAMPLES])


@invariant(
    "No row of history lies in a default partition.",
    remedy="Run the beat, which makes partitions ahead of time, then move the rows by re-inserting them.",
)
def partitions_are_ahead(_look: Look) -> Finding:
    """Look for rows whose month had no partition when they were written."""
    names: list[str] = []
    broken = 0
    for table in partitions.PARTITIONED:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table + '_default')}")  # noqa: S608 a name of our own
            count = cursor.fetchone()[0]
        if count:
            broken += count
            names.append(f"{table}_default: {count}")
    return Finding(broken, names[:EXAMPLES])


@invariant(
    "A finished instance stands nowhere.",
    remedy="Cancel the instance again through the API, or delete the schedules by hand.",
)
def finished_has_no_schedule(_look: Look) -> Finding:
    """Find places of instances that ended."""
    return rows(
        """SELECT DISTINCT i.public_id FROM engine_schedule s JOIN engine_instance i ON i.id = s.instance_id
           WHERE i.status NOT IN ('active', 'paused')"""
    )


@invariant(
    "Instances stand where their history says.",
    remedy="Look at the instance's time line, cancel it and start it anew; report the case with its history.",
)
def state_is_history_replayed(_look: Look) -> Finding:
    """Replay the newest live instances whose history is there from the start, and that were never moved."""
    return _replayed(Instance.LIVE)


@invariant(
    "Tokens are conserved: whoever has come to an end has left nobody behind on the way.",
    remedy="Look at the instance's time line and report the case with its history: a branch was lost or doubled.",
)
def tokens_are_conserved(_look: Look) -> Finding:
    """Replay the newest instances that ended by themselves: every token that was made came to an end, once."""
    return _replayed((Instance.Status.COMPLETED,))


def _replayed(statuses: Sequence[str]) -> Finding:
    moved = ChangeoverEntry.objects.filter(outcome=ChangeoverEntry.Outcome.MOVED)
    begun = NodeExecution.objects.filter(instance_id=OuterRef("pk"), node_type="start")
    newest = (
        Instance.objects.filter(Exists(begun), status__in=statuses)
        .exclude(id__in=moved.values("instance_id"))
        .order_by("-id")[:REPLAYED]
    )
    instances = {instance.id: instance for instance in newest}
    found = replaying.differences(list(instances.values()))
    named = [f"{instances[key].public_id}: {sentence}" for key, sentence in found.items()]
    return Finding(len(named), named[:EXAMPLES])


@invariant(
    "Everybody inside a journey stands on a step of the version they are in.",
    remedy="Move those inside to a version that has the step (docs/journeys.md), or cancel them.",
    patience=A_MOMENT,
)
def place_is_in_its_version(_look: Look) -> Finding:
    """Look every place up in its version; a version that can not be read any more counts too."""
    standing = Schedule.objects.filter(instance__status__in=Instance.LIVE).order_by()
    wrong: list[str] = []
    broken = 0
    for version_id, node_id, count in standing.values_list("instance__version_id", "node_id").annotate(
        count=Count("id")
    ):
        try:
            known = node_id in graph_of(version_id).nodes
        except DefinitionInvalid:
            known = False
        if not known:
            broken += count
            wrong.append(f"{node_id} in version {version_id}: {count}")
    return Finding(broken, wrong[:EXAMPLES])


@invariant(
    "Encrypted columns can be read with the keys that are configured.",
    remedy="Add the missing key to DATA_KEYS; it is named before the colon of the stored value.",
)
def encrypted_is_readable(look: Look) -> Finding:
    """Decrypt the oldest and newest rows of every encrypted column."""
    broken: list[str] = []
    for model in apps.get_models():
        columns = [one for one in model._meta.concrete_fields if isinstance(one, EncryptedTextField)]  # noqa: SLF001 Django's documented door
        for column in columns:
            broken += _unreadable(model, column, sample=FEW if look.newest else SAMPLE)
    return Finding(len(broken), broken[:EXAMPLES])


def _unreadable(model: type[models.Model], column: EncryptedTextField, *, sample: int) -> list[str]:
    rows = model._default_manager.order_by("pk")  # noqa: SLF001 Django's documented door
    keys = [
        *rows.values_list("pk", flat=True)[:sample],
        *rows.reverse().values_list("pk", flat=True)[:sample],
    ]
    broken = []
    for key in dict.fromkeys(keys):
        try:
            rows.filter(pk=key).values_list(column.name, flat=True).first()
        except (DecryptionFailed, ValueError):
            broken.append(f"{model._meta.db_table}.{column.column} {key}")  # noqa: SLF001 Django's documented door
    return broken


from monitoring import conservation  # noqa: E402, F401 the same register, in a file of its own
