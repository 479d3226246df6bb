"""Small scenes in which one promise is put to the test: a fault at the worst moment, then the ledgers are compared.

Each scene plays with the engine as it is in the process, so that a defence can be taken out of it beforehand, and
gives the promises that were broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from unittest import mock

from django.db import connection
from django.test import override_settings

from channels import webhooks
from channels.adapters.sendgrid import SendGrid
from channels.contract import DeliveryReport, ReportKind
from channels.models import DeliveryEvent, Message
from channels.services import callbacks, suppression
from engine import bells as bell_ringing
from engine.models import Instance, Schedule
from engine.services import delivering, dispatch, instances, joining, recovery, runner, triggering, waking
from engine.services.claims import claim
from engine.services.instances import instance_pause, instance_start
from journeys.errors import Conflict
from journeys.services import journeys
from journeys.services.clients import tag_add
from journeys.services.weddings import wedding_move
from tests.builders import ACTOR, END, JourneyBuilder, a_couple, a_journey, a_net, merge, split_all, tag
from tests.chaos.healing import end_leases, heal
from tests.chaos.stage import Gate, Promise, Stage, at, die
from tests.drive import bells, run_until_idle
from tests.fakes.webhook_server import a_service
from tests.racing import WAIT_SECONDS, blocked_or_done

# -- bells, leases and fences


def late_bell(stage: Stage) -> set[Promise]:
    """A bell comes a second time, when its step has failed and is to be tried again later."""
    stage.start(a_journey().email("hello"))
    stage.provider.fail("sendgrid", "429")
    places = bells()
    runner.run(places=places, now=stage.now)
    runner.run(places=places, now=stage.now)
    early = {Promise.NOT_EARLY} if stage.provider.accepted() else set()
    heal(stage.now + timedelta(hours=1))
    return early | stage.broken()


def slow_call_while_the_wedding_moves(stage: Stage) -> set[Promise]:
    """A worker is at the provider while the wedding moves, and another one has its step when it comes back."""
    month_before = {"kind": "anchor", "anchor": "wedding", "offset": "-30d", "at": "09:00"}
    builder = a_journey().email("timeline", when=month_before).wait_for_date("week_before", "-7d")
    stage.start(builder)
    run_until_idle(stage.now)
    due = Schedule.objects.get().due_at
    assert due is not None
    runner_is_at_it = Gate()
    dispatch.dispatch(now=due)
    places, wedding = bells(), stage.couple.weddings.get()
    moved_to = wedding.date + timedelta(days=1)
    with at(SendGrid, "send", after=runner_is_at_it.hold):
        slow = stage.begin(lambda: runner.run(places=places, now=due))
        runner_is_at_it.reached()
        wedding_move(wedding=wedding, date=moved_to, now=due, actor=ACTOR)
        dispatch.dispatch(now=due + timedelta(days=1))
        claim(bells())
        runner_is_at_it.go_on.set()
        slow.result(WAIT_SECONDS)
    end_leases()
    run_until_idle(due + timedelta(days=1, minutes=1))
    place = Schedule.objects.get()
    stands = place.due_at is not None and place.due_at.date() == moved_to - timedelta(days=7)
    run_until_idle(due + timedelta(days=60))
    return stage.broken() | (set() if stands else {Promise.NEWEST_DATE})


def slow_call(stage: Stage) -> set[Promise]:
    """A call begins shortly before the lease ends, and lasts longer."""
    stage.start(a_journey().email("hello"))
    gate, places = Gate(), bells()

    with (
        at(runner, "claim_now", after=lambda: _move_leases("clock_timestamp() + interval '5 seconds'")),
        at(SendGrid, "send", before=gate.hold),
    ):
        slow = stage.begin(lambda: runner.run(places=places, now=stage.now))
        gate.reached()
        _move_leases("lease_until - interval '6 seconds'")
        recovery.sweep()
        run_until_idle(stage.now)
        gate.go_on.set()
        slow.result(WAIT_SECONDS)
    heal(stage.now)
    doubted = Message.objects.filter(in_doubt_since__isnull=False).exists()
    return stage.broken() | ({Promise.NO_NEEDLESS_DOUBT} if doubted else set())


def _move_leases(to: str) -> None:
    """Let leases end at another moment, as if time had passed."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE engine_schedule SET lease_until = {to} WHERE state = 'running'")  # noqa: S608


def sleeper_before_the_ledger(stage: Stage) -> set[Promise]:
    """A worker falls asleep before it has begun to send, and wakes when another one has done it."""
    stage.start(a_journey().email("hello").wait("rest", for_="1d"))
    gate, places = Gate(), bells()
    with at(runner, "claim_now", after=gate.hold):
        sleeper = stage.begin(lambda: runner.run(places=places, now=stage.now))
        gate.reached()
        end_leases()
        run_until_idle(stage.now)
        gate.go_on.set()
        sleeper.result(WAIT_SECONDS)
    heal(stage.now + timedelta(days=2))
    return stage.broken()


def sleeper_before_the_call(stage: Stage) -> set[Promise]:
    """A worker falls asleep between ledger and call, and wakes when the message was sent by somebody else."""
    stage.start(a_journey().email("hello"))
    gate, places = Gate(), bells()
    with at(delivering.sending, "hand_over", before=gate.hold):
        sleeper = stage.begin(lambda: runner.run(places=places, now=stage.now))
        gate.reached()
        heal(stage.now)
        gate.go_on.set()
        sleeper.result(WAIT_SECONDS)
    return stage.broken()


def death_after_the_claim(stage: Stage) -> set[Promise]:
    """A worker dies as soon as it has a step."""
    stage.start(a_journey().email("hello"))
    with at(runner, "claim_now", after=die):
        stage.work()
    heal(stage.now)
    return stage.broken()


def lost_bell(stage: Stage) -> set[Promise]:
    """Redis loses the bell of a step."""
    with mock.patch.object(bell_ringing, "ring"):
        stage.enter(a_journey().email("hello").publish(stage.vendor, now=stage.now))
    end_leases()
    _hear_only_new_bells(stage.now, lost=bells())
    return stage.broken()


def _hear_only_new_bells(now: datetime, *, lost: Iterable[tuple[int, int]]) -> None:
    forgotten = set(lost)
    for _ in range(20):
        recovery.sweep()
        dispatch.dispatch(now=now)
        runner.run(places=[place for place in bells() if place not in forgotten], now=now)


def poison(stage: Stage) -> set[Promise]:
    """A step ends every process that carries it out."""
    stage.start(a_journey().email("hello"))
    with at(runner, "decide", before=die):
        for _ in range(9):
            stage.work()
            end_leases()
            recovery.sweep()
            dispatch.dispatch(now=stage.now)
    parked = Schedule.objects.filter(state=Schedule.State.PARKED).exists()
    return set() if parked else {Promise.NOT_LOST}


# -- messages


def death_after_the_provider_took_it(stage: Stage) -> set[Promise]:
    """A worker dies when the provider has the message and nobody has written that down."""
    stage.start(a_journey().email("hello"))
    with at(SendGrid, "send", after=die):
        stage.work()
    heal(stage.now)
    return stage.broken()


def _between_claim_and_ledger(stage: Stage, deed: Callable[[], Any], builder: JourneyBuilder) -> set[Promise]:
    stage.start(builder)
    done: list[Any] = []
    with at(runner, "claim_now", after=lambda: done or done.append(deed())):
        stage.work()
    return {Promise.CONSENT} if stage.provider.accepted() else set()


def opted_out_at_the_last_moment(stage: Stage) -> set[Promise]:
    """A person opts out when a worker has the step already."""
    address = stage.couple.weddings.get().stakeholders.get(role="partner_1").email

    def opt_out() -> None:
        suppression.suppress(
            vendor_id=stage.vendor.id, channel="email", address=address, reason="unsubscribed", now=stage.now
        )

    return _between_claim_and_ledger(stage, opt_out, a_journey().email("hello"))


def paused_at_the_last_moment(stage: Stage) -> set[Promise]:
    """A passage is paused when a worker has its step already."""

    def hold() -> None:
        instance_pause(instance=Instance.objects.get(), now=stage.now, actor=ACTOR)

    return _between_claim_and_ledger(stage, hold, a_journey().email("hello"))


def exit_at_the_last_moment(stage: Stage) -> set[Promise]:
    """An exit rule begins to hold when a worker has the step already."""
    definition = {
        **a_journey().email("hello").definition(),
        "exits": [{"name": "gone", "if": "has_tag('gone')"}],
    }
    journey = journeys.journey_create(
        vendor=stage.vendor, name="With an exit", definition=definition, now=stage.now, actor=ACTOR
    )
    journeys.journey_publish(journey=journey, now=stage.now, actor=ACTOR)
    journey.refresh_from_db()
    stage.enter(journey)
    runner.run(places=bells(), now=stage.now)
    done: list[Any] = []

    def leave() -> None:
        if not done:
            done.append(tag_add(client=stage.couple, name="gone", now=stage.now, actor=ACTOR))

    with at(runner, "claim_now", after=leave):
        stage.work()
    return {Promise.CONSENT} if stage.provider.accepted() else set()


def account_that_refuses(stage: Stage) -> set[Promise]:
    """A provider refuses the account, for longer than one pause; then it is in order again."""
    journey = a_journey().email("hello").publish(stage.vendor, now=stage.now)
    for couple in (stage.couple, *(a_couple(stage.vendor, now=stage.now) for _ in range(2))):
        instance_start(
            vendor=stage.vendor, journey=journey, client=couple, variables={}, now=stage.now, actor=ACTOR
        )
    stage.provider.fail("sendgrid", "reject", times=1000, status=401)
    told = []
    for later in (timedelta(), timedelta(minutes=20)):
        run_until_idle(stage.now + later)
        told.append(len([path for _, path, _, _ in stage.provider.requests if path == "/v3/mail/send"]))
    stage.provider.forget_faults()
    heal(stage.now + timedelta(hours=1))
    left_alone = told == [1, 2]
    return stage.broken() | (set() if left_alone else {Promise.LEFT_ALONE})


def webhook_that_dies_after_its_answer(stage: Stage) -> set[Promise]:
    """A worker dies when a service has answered and nobody has written that down."""
    with a_service() as service:
        stage.start(a_journey().step("call", "webhook", url=f"{service.url}/called"))
        with at(webhooks, "call", after=die):
            stage.work()
        heal(stage.now)
        ids = {told.headers["webhook-id"] for told in service.told}
    return stage.broken() | ({Promise.ONE_ID} if len(ids) != 1 else set())


# -- events, dates, branches, reports


def same_event_twice(stage: Stage) -> set[Promise]:
    """A sender repeats an event."""
    a_journey().trigger("payment_received").publish(stage.vendor, now=stage.now, re_entry="always")
    for _ in range(2):
        triggering.event_receive(
            vendor=stage.vendor,
            type="payment_received",
            event_id="pay-1",
            client=stage.couple,
            topic="deposit",
            payload={"amount": 1, "currency": "EUR"},
            now=stage.now,
            actor=ACTOR,
        )
    heal(stage.now)
    return stage.broken() | ({Promise.STARTED_ONCE} if Instance.objects.count() != 1 else set())


def two_starts_at_once(stage: Stage) -> set[Promise]:
    """Two callers start the same journey for the same client at the same moment."""
    journey, gate = a_journey().publish(stage.vendor, now=stage.now), Gate()

    def enter() -> Any:
        try:
            return stage.enter(journey)
        except Conflict as refused:
            return refused
        except Exception as broken:  # noqa: BLE001 what a caller gets is not asked here
            return broken

    with at(instances.entering, "admit", after=gate.hold):
        first = stage.begin(enter)
        gate.reached()
        second = stage.begin(enter)
        blocked_or_done(second)
        gate.go_on.set()
        first.result(WAIT_SECONDS), second.result(WAIT_SECONDS)
    heal(stage.now)
    return stage.broken() | ({Promise.ENTERED_ONCE} if Instance.objects.count() != 1 else set())


def wedding_moves_while_a_step_commits(stage: Stage) -> set[Promise]:
    """A wedding moves between the moment at which a step reads its date and the one at which it is written."""
    stage.enter(a_journey().wait_for_date("month_before", "-30d").publish(stage.vendor, now=stage.now))
    wedding, gate, places = stage.couple.weddings.get(), Gate(), bells()
    moved_to = wedding.date + timedelta(days=40)
    with at(runner, "write", before=gate.hold):
        worker = stage.begin(lambda: runner.run(places=places, now=stage.now))
        gate.reached()
        mover = stage.begin(lambda: wedding_move(wedding=wedding, date=moved_to, now=stage.now, actor=ACTOR))
        blocked_or_done(mover)
        gate.go_on.set()
        worker.result(WAIT_SECONDS), mover.result(WAIT_SECONDS)
    end_leases()
    run_until_idle(stage.now)
    place = Schedule.objects.get()
    stands = place.due_at is not None and place.due_at.date() == moved_to - timedelta(days=30)
    return set() if stands else {Promise.NEWEST_DATE}


def two_branches_come_at_once(stage: Stage) -> set[Promise]:
    """Two branches come to a merge that goes on with the first, at the same moment."""
    steps = {
        "split": split_all("a", "b"),
        "left": tag("left"),
        "right": tag("right"),
        "join": merge("split", "first", others="go_on"),
        "after": tag("after"),
        "end": END,
    }
    edges = ("start>split", "split.a>left", "split.b>right", "left>join", "right>join", "join>after")
    gate = Gate()
    # One bell each, or the branches would be walked together.
    with override_settings(QUEUE_BATCH_SIZE=1), at(joining, "_fire", after=gate.hold):
        stage.start(a_net(steps, *edges, "after>end"))
        runner.run(places=bells(), now=stage.now)
        left, right = bells()
        first = stage.begin(lambda: runner.run(places=[left], now=stage.now))
        gate.reached()
        second = stage.begin(lambda: runner.run(places=[right], now=stage.now))
        blocked_or_done(second)
        gate.go_on.set()
        first.result(WAIT_SECONDS), second.result(WAIT_SECONDS)
    heal(stage.now + timedelta(hours=1))
    return stage.broken()


def death_before_waking(stage: Stage) -> set[Promise]:
    """A process dies between the commit of an event and the waking of what waits for it."""
    stage.start(a_journey().step("form", "wait_for", event="form_submitted"))
    runner.run(places=bells(), now=stage.now)
    with mock.patch.object(waking, "process"):
        triggering.event_receive(
            vendor=stage.vendor,
            type="form_submitted",
            event_id="form-1",
            client=stage.couple,
            topic="menu",
            payload={"answers": {}},
            now=stage.now,
            actor=ACTOR,
        )
    heal(stage.now)
    return stage.broken()


def _report(message: Message, kind: ReportKind, key: str, now: datetime) -> None:
    report = DeliveryReport(
        provider="sendgrid",
        event_key=key,
        message_id=message.public_id,
        kind=kind,
        occurred_at=now,
        raw={},
    )
    callbacks.receive(provider="sendgrid", reports=[report], now=now)


def reports_in_every_order(stage: Stage) -> set[Promise]:
    """A provider's reports come in each order that there is."""
    kinds = (ReportKind.QUEUED, ReportKind.DELIVERED, ReportKind.OPENED)
    stage.start(a_journey().email("hello"))
    heal(stage.now)
    message = Message.objects.get()
    ends = set()
    for number, order in enumerate(permutations(kinds)):
        Message.objects.update(delivery="")
        for kind in order:
            _report(message, kind, f"{number}-{kind}", stage.now)
        ends.add(Message.objects.values_list("delivery", flat=True).get())
    return stage.broken() | ({Promise.ANY_ORDER} if len(ends) != 1 else set())


def same_report_many_times(stage: Stage) -> set[Promise]:
    """A provider repeats a report."""
    stage.start(a_journey().email("hello"))
    heal(stage.now)
    for _ in range(5):
        _report(Message.objects.get(), ReportKind.DELIVERED, "e1", stage.now)
    once = DeliveryEvent.objects.filter(kind="delivered").count() == 1
    return stage.broken() | (set() if once else {Promise.COUNTED_ONCE})
