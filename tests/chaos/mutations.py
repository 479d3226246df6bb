"""Every defence, how it is taken out, and the promise that is broken without it.

A defence that another one stands in for is listed with that one; both together are taken out then.
`python -m tests.chaos.defences` writes docs/defences.md.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from django.db import connection, transaction

from channels.models import Message
from channels.registry import adapter_named
from channels.services import callbacks, circuits, sending
from engine.models import Instance, WebhookCall
from engine.services import (
    calling,
    claims,
    commits,
    deciding,
    entering,
    instances,
    recovery,
    runner,
    triggering,
    waking,
)
from engine.services.delivering import delivery
from tests.chaos import scenarios
from tests.chaos.stage import Promise, Stage
from tests.processes import ROOT

Removal = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One defence, or several that stand in for one another, taken out."""

    #: What is taken out.
    defences: tuple[str, ...]
    scenario: Callable[[Stage], set[Promise]]
    #: What is broken then; None when `instead` holds it all the same.
    breaks: Promise | None
    instead: str = ""

    def __str__(self) -> str:
        return " + ".join(self.defences)


@contextmanager
def without_words(module: Any, name: str, words: str, by: str = "") -> Iterator[None]:
    """Take words out of a statement; they must be there."""
    statement = getattr(module, name)
    assert words in statement, f"{name} does not say {words!r} any more: name the words that do this now."
    with mock.patch.object(module, name, statement.replace(words, by)):
        yield


@contextmanager
def without(*removals: AbstractContextManager[Any]) -> Iterator[None]:
    """Take out one defence that stands in several places."""
    with ExitStack() as stack:
        for removal in removals:
            stack.enter_context(removal)
        # Put together once, and kept.
        commits._statement.cache_clear()
        stack.callback(commits._statement.cache_clear)
        yield


def replaced(owner: Any, name: str, make: Callable[[Any], Any]) -> AbstractContextManager[Any]:
    """Put something else in the place of a function."""
    return mock.patch.object(owner, name, make(getattr(owner, name)))


@contextmanager
def without_constraint(table: str, name: str) -> Iterator[None]:
    """Take a unique key out of the database, and put it back over an empty table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexdef, EXISTS (SELECT 1 FROM pg_constraint WHERE conname = indexname)"
            " FROM pg_indexes WHERE indexname = %s",
            [name],
        )
        definition, is_constraint = cursor.fetchone()
        cursor.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT {name}" if is_constraint else f"DROP INDEX {name}"
        )
    try:
        yield
    finally:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 our own names
            cursor.execute(definition)
            if is_constraint:
                cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}")


def _nothing(_call: Any) -> Any:
    return lambda *_args, **_kwargs: None


def _ledger_after_the_call() -> AbstractContextManager[Any]:
    """Call the provider while the ledger's row is not committed yet."""
    answers: dict[str, Any] = {}

    def prepare(**kwargs: Any) -> Message:
        message: Message = honest(**kwargs)
        if message.status == Message.Status.SENDING:
            answers[message.public_id] = adapter_named(message.provider).send(sending.outbound(message))
        return message

    honest = sending.prepare
    return mock.patch.multiple(sending, prepare=prepare, hand_over=lambda message: answers[message.public_id])


def _new_key_each_time(honest: Any) -> Any:
    return lambda *, spec, **kwargs: honest(
        spec=replace(spec, key=f"{spec.key}!{uuid.uuid4().hex}"), **kwargs
    )


def _resend_at_once(honest: Any) -> Any:
    def prepare(*, spec: Any, **kwargs: Any) -> Message:
        Message.objects.filter(key=spec.key, status=Message.Status.SENDING).update(
            status=Message.Status.RETRY
        )
        return honest(spec=spec, **kwargs)  # type: ignore[no-any-return]

    return prepare


def _heedless_of_fences(honest: Any) -> Any:
    def prepare(*, spec: Any, fence: int, **kwargs: Any) -> Message:
        Message.objects.filter(key=spec.key).update(fence=0)
        return honest(spec=spec, fence=fence, **kwargs)  # type: ignore[no-any-return]

    return prepare


def _always_active(honest: Any) -> Any:
    def instance_of(step: Any) -> Instance:
        instance: Instance = honest(step)
        instance.status = Instance.Status.ACTIVE
        return instance

    return instance_of


def _other_row_each_time(honest: Any) -> Any:
    def ledger_row(step: Any, *args: Any, **kwargs: Any) -> WebhookCall:
        WebhookCall.objects.filter(place=str(step.source)).delete()
        return honest(step, *args, **kwargs)  # type: ignore[no-any-return]

    return ledger_row


def _other_id_each_time(honest: Any) -> Any:
    return lambda *, event_id, **kwargs: honest(event_id=f"{event_id}-{uuid.uuid4().hex}", **kwargs)


def _last_word(honest: Any) -> Any:
    def apply(message: Message, reports: Any, **kwargs: Any) -> Any:
        result = honest(message, reports, **kwargs)
        Message.objects.filter(pk=message.pk).update(delivery=reports[-1].kind.value)
        return result

    return apply


def _new_report_each_time(honest: Any) -> Any:
    def receive(provider: str, message_id: str, reports: Any, **kwargs: Any) -> Any:
        fresh = [replace(report, event_key=uuid.uuid4().hex) for report in reports]
        return honest(provider, message_id, fresh, **kwargs)

    return receive


def _call_at_once(_honest: Any) -> Any:
    return lambda message: adapter_named(message.provider).send(sending.outbound(message))


FENCE_OF_CLAIM = "the fence in the claim"
STATE_IN_CLAIM = "the state in the claim"
FENCE_OF_COMMIT = "the fence in the commit"
LEASE = "the lease, looked at and renewed before the call"
FENCE_OF_LEDGER = "the fence in the ledger"
UNIQUE_MESSAGE = "the unique key of a message"
LOCK = "the lock of the instance before its dates are read"
UNIQUE_PLACE = "the unique key of a place"
EXIT_RULE = "the exit rule, asked before each step"
OUTBOX = "the outbox of what happened"
ONE_AT_A_TIME = "the lock of client and journey at the entry"
ONE_LIVE = "the unique key of a live passage"
WEDDING_HELD = "the lock of the wedding at the entry"
SWEEP = "the sweep"

REMOVALS: dict[str, Removal] = {
    FENCE_OF_CLAIM: lambda: without(
        without_words(claims, "_CLAIM", " AND s.fence = bell.fence"),
        without_words(claims, "_TAKE", " AND s.fence = rung.fence"),
    ),
    STATE_IN_CLAIM: lambda: without(
        without_words(claims, "_CLAIM", " AND s.state = 'queued'"),
        without_words(claims, "_TAKE", " AND s.state = 'queued'"),
    ),
    FENCE_OF_COMMIT: lambda: without(
        without_words(commits, "_GONE", " AND s.fence = d.fence"),
        without_words(commits, "_KEPT", " AND s.fence = d.fence"),
    ),
    LEASE: lambda: replaced(claims, "renew", _nothing),
    FENCE_OF_LEDGER: lambda: replaced(sending, "prepare", _heedless_of_fences),
    SWEEP: lambda: replaced(recovery, "sweep", lambda _call: lambda: 0),
    "the count of claims": lambda: mock.patch.object(runner, "MAX_CLAIMS", 10_000),
    UNIQUE_MESSAGE: lambda: replaced(sending, "prepare", _new_key_each_time),
    "the ledger's row before the call": _ledger_after_the_call,
    "the state in doubt": lambda: replaced(sending, "prepare", _resend_at_once),
    "the look into the ledger right before the call": lambda: replaced(sending, "hand_over", _call_at_once),
    "consent, asked in the ledger's transaction": lambda: replaced(
        sending, "withheld_because", lambda _call: lambda *_args, **_kwargs: ""
    ),
    "the passage's state, asked in the ledger's transaction": lambda: replaced(
        delivery, "instance_of", _always_active
    ),
    "the circuit of an account": lambda: replaced(circuits, "troubled", _nothing),
    "the lease of a probe": lambda: replaced(
        circuits, "admit", lambda _call: lambda *_args, **_kwargs: circuits.Pass()
    ),
    EXIT_RULE: lambda: replaced(deciding, "_ruled_out", lambda _call: lambda *_args, **_kwargs: False),
    OUTBOX: lambda: replaced(waking, "process", lambda _call: lambda **_kwargs: 0),
    "the webhook's row that is taken over": lambda: replaced(calling, "_ledger_row", _other_row_each_time),
    "the unique id of an event": lambda: replaced(triggering, "event_receive", _other_id_each_time),
    ONE_AT_A_TIME: lambda: replaced(entering, "one_at_a_time", _nothing),
    ONE_LIVE: lambda: without_constraint("engine_instance", "instance_one_live"),
    WEDDING_HELD: lambda: replaced(instances, "_with_its_date_held", lambda _call: lambda wedding: wedding),
    LOCK: lambda: without(
        replaced(runner, "lock_instances", _nothing),
        without_words(claims, "_TAKE", " FOR NO KEY UPDATE"),
    ),
    UNIQUE_PLACE: lambda: without_constraint("engine_schedule", "schedule_place_once"),
    "the rank of reports": lambda: replaced(callbacks, "_apply", _last_word),
    "the unique id of a report": lambda: replaced(callbacks, "_receive_about_message", _new_report_each_time),
}


def _one(defence: str, scenario: Callable[[Stage], set[Promise]], breaks: Promise) -> Mutation:
    return Mutation((defence,), scenario, breaks)


def _held(defence: str, scenario: Callable[[Stage], set[Promise]], *, instead: str) -> Mutation:
    return Mutation((defence,), scenario, None, instead)


MUTATIONS: tuple[Mutation, ...] = (
    _held(FENCE_OF_CLAIM, scenarios.late_bell, instead=STATE_IN_CLAIM),
    _held(STATE_IN_CLAIM, scenarios.late_bell, instead=FENCE_OF_CLAIM),
    Mutation((FENCE_OF_CLAIM, STATE_IN_CLAIM), scenarios.late_bell, Promise.NOT_EARLY),
    _one(FENCE_OF_COMMIT, scenarios.slow_call_while_the_wedding_moves, Promise.NEWEST_DATE),
    _one(LEASE, scenarios.slow_call, Promise.NO_NEEDLESS_DOUBT),
    _held(LEASE, scenarios.sleeper_before_the_ledger, instead=FENCE_OF_LEDGER),
    _held(FENCE_OF_LEDGER, scenarios.sleeper_before_the_ledger, instead=LEASE),
    Mutation((LEASE, FENCE_OF_LEDGER), scenarios.sleeper_before_the_ledger, None, UNIQUE_MESSAGE),
    Mutation((LEASE, FENCE_OF_LEDGER, UNIQUE_MESSAGE), scenarios.sleeper_before_the_ledger, Promise.SENT_ONCE),
    _one(SWEEP, scenarios.death_after_the_claim, Promise.NOT_LOST),
    _one(SWEEP, scenarios.lost_bell, Promise.NOT_LOST),
    _one("the count of claims", scenarios.poison, Promise.NOT_LOST),
    _one(UNIQUE_MESSAGE, scenarios.death_after_the_provider_took_it, Promise.SENT_ONCE),
    _one("the ledger's row before the call", scenarios.death_after_the_provider_took_it, Promise.SENT_ONCE),
    _one("the state in doubt", scenarios.death_after_the_provider_took_it, Promise.SENT_ONCE),
    _one(
        "the look into the ledger right before the call",
        scenarios.sleeper_before_the_call,
        Promise.SENT_ONCE,
    ),
    _one(
        "consent, asked in the ledger's transaction",
        scenarios.opted_out_at_the_last_moment,
        Promise.CONSENT,
    ),
    _one(
        "the passage's state, asked in the ledger's transaction",
        scenarios.paused_at_the_last_moment,
        Promise.CONSENT,
    ),
    _one("the circuit of an account", scenarios.account_that_refuses, Promise.LEFT_ALONE),
    _one("the lease of a probe", scenarios.account_that_refuses, Promise.LEFT_ALONE),
    _held(EXIT_RULE, scenarios.exit_at_the_last_moment, instead=OUTBOX),
    _held(OUTBOX, scenarios.exit_at_the_last_moment, instead=EXIT_RULE),
    Mutation((EXIT_RULE, OUTBOX), scenarios.exit_at_the_last_moment, Promise.CONSENT),
    _one("the webhook's row that is taken over", scenarios.webhook_that_dies_after_its_answer, Promise.ONE_ID),
    _one("the unique id of an event", scenarios.same_event_twice, Promise.STARTED_ONCE),
    _held(ONE_AT_A_TIME, scenarios.two_starts_at_once, instead=WEDDING_HELD),
    _held(ONE_LIVE, scenarios.two_starts_at_once, instead=ONE_AT_A_TIME),
    Mutation((ONE_AT_A_TIME, ONE_LIVE, WEDDING_HELD), scenarios.two_starts_at_once, Promise.ENTERED_ONCE),
    _one(LOCK, scenarios.wedding_moves_while_a_step_commits, Promise.NEWEST_DATE),
    _held(LOCK, scenarios.two_branches_come_at_once, instead=UNIQUE_PLACE),
    _held(UNIQUE_PLACE, scenarios.two_branches_come_at_once, instead=LOCK),
    Mutation((LOCK, UNIQUE_PLACE), scenarios.two_branches_come_at_once, Promise.DONE_ONCE),
    _one(OUTBOX, scenarios.death_before_waking, Promise.NOT_LOST),
    _one("the rank of reports", scenarios.reports_in_every_order, Promise.ANY_ORDER),
    _one("the unique id of a report", scenarios.same_report_many_times, Promise.COUNTED_ONCE),
)  # fmt: skip

PAGE = ROOT / "docs" / "defences.md"
_HEAD = """# What each defence is for

Each defence is taken out of the engine in turn, a scene is played with a fault at the worst moment, and the ledgers of
provider and engine are compared. With every defence all scenes end well; `tests/chaos/test_mutations.py` plays them all.
A defence that another one stands in for is listed with that one, and both are taken out together.

| Taken out | The scene | What comes of it |
|---|---|---|
"""


def page() -> str:
    """Write the page that lists all of them."""
    rows = []
    for mutation in MUTATIONS:
        scene = (mutation.scenario.__doc__ or "").strip().splitlines()[0]
        comes = f"Broken promise: {mutation.breaks}." if mutation.breaks else f"Held by {mutation.instead}."
        rows.append(f"| {' **and** '.join(mutation.defences)} | {scene} | {comes} |")
    return _HEAD + "\n".join(rows) + "\n"
