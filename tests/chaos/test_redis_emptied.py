"""Redis loses everything, again and again: it costs a moment, never a step and never a second message."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from channels.models import Message
from engine.models import Instance, NodeExecution, Schedule
from engine.services.instances import instance_start
from journeys import clock
from journeys.models import Journey, Vendor
from tests.builders import ACTOR, a_couple, a_journey
from tests.chaos.forms import WHOLE
from tests.chaos.ledger import all_ended, completed_twice, disagreements, histories, provider_env, sent_twice
from tests.drive import run_until_idle
from tests.fakes.provider import FakeProvider
from tests.processes import QUEUES, broker, empty_broker, processes, wait_for

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(240),
]

COUPLES = 200 if WHOLE else 60
#: How often Redis is emptied before the wait and behind it.
TIMES = 6 if WHOLE else 4
#: How many messages go out between two times.
EVERY = COUPLES * 3 // 20
#: Enough to fill the queues; the other test has the numbers.
FEW = 60 if WHOLE else 30
#: For all of it on two slow cores; a bell that is lost is rung again after 2 s here.
END_SECONDS = 100


def a_varied_journey(vendor: Vendor, now: datetime) -> Journey:
    """Build a journey with every kind of step that the fault could hit: instant, sending, branching, waiting."""
    return (
        a_journey()
        .action("mark", {"kind": "add_tag", "tag": "in"})
        .email("welcome")
        .condition("tagged", "'in' in client.tags")
        .wait("rest", for_="1d")
        .action("unmark", {"kind": "remove_tag", "tag": "in"})
        .email("guide")
        .publish(vendor, now=now)
    )


def start_all(journey: Journey, vendor: Vendor, *, couples: int, now: datetime) -> list[Instance]:
    added = [a_couple(vendor, now=now) for _ in range(couples)]
    return [
        instance_start(
            vendor=vendor, journey=journey, client=couple, variables={}, now=clock.now(), actor=ACTOR
        )
        for couple in added
    ]


@contextmanager
def undisturbed_history(
    journey: Journey, vendor: Vendor, *, now: datetime
) -> Iterator[list[tuple[str, str]]]:
    """Run one instance by hand, without workers or faults, to know what the others must look like."""
    alone = instance_start(
        vendor=vendor, journey=journey, client=a_couple(vendor, now=now), variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    run_until_idle(now + timedelta(days=2))
    whole = histories()[alone.id]
    assert ("end", "succeeded") == whole[-1]
    for model in (NodeExecution, Message):
        model.objects.all().delete()
    alone.delete()
    yield whole


def keep_emptying(*, until_sent: int, every: int, times: int) -> int:
    """Empty Redis each time another `every` messages went out, until `until_sent` have; return how often."""
    for emptied in range(times):
        mark = until_sent - (times - emptied) * every
        wait_for(lambda: sent() >= mark, seconds=END_SECONDS, what=f"{mark} messages were sent")  # noqa: B023
        empty_broker()
    return times


def sent() -> int:
    return Message.objects.filter(status=Message.Status.ACCEPTED).count()


def check(whole: list[tuple[str, str]], provider: FakeProvider, *, couples: int) -> None:
    told = histories()
    assert {tuple(whole): couples} == dict(Counter(tuple(one) for one in told.values()))
    assert ([], [], set()) == (completed_twice(), sent_twice(provider), disagreements(provider))
    assert 2 * couples == len(provider.accepted())
    assert {Message.Status.ACCEPTED} == set(Message.objects.values_list("status", flat=True))


def test_emptying_redis_in_the_middle_loses_no_step_and_sends_nothing_twice(
    vendor: Vendor, now: datetime, provider: FakeProvider, tmp_path: Path, record_property
) -> None:
    journey = a_varied_journey(vendor, now)
    with (
        undisturbed_history(journey, vendor, now=now) as whole,
        processes(tmp_path, "one", "two", **provider_env(provider)),
    ):
        begun = time.monotonic()
        start_all(journey, vendor, couples=COUPLES, now=now)
        emptied = keep_emptying(until_sent=COUPLES, every=EVERY, times=TIMES)
        resting = Schedule.objects.filter(node_id="rest", state=Schedule.State.WAITING)
        wait_for(lambda: resting.count() == COUPLES, seconds=END_SECONDS, what="all have come to the wait")

        clock.advance(by=timedelta(days=1, minutes=1))
        emptied += keep_emptying(until_sent=2 * COUPLES, every=EVERY, times=TIMES)
        wait_for(all_ended, seconds=END_SECONDS, what="every instance came to its end")
        seconds = time.monotonic() - begun

    record_property("times Redis was emptied", emptied)
    print(f"{COUPLES} instances ended in {seconds:.1f} s with Redis emptied {emptied} times")  # noqa: T201
    check(whole, provider, couples=COUPLES)


def test_emptying_redis_right_after_everything_was_queued_loses_nothing(
    vendor: Vendor, now: datetime, provider: FakeProvider, tmp_path: Path
) -> None:
    journey = a_varied_journey(vendor, now)
    with undisturbed_history(journey, vendor, now=now) as whole:
        empty_broker()
        start_all(journey, vendor, couples=FEW, now=now)
        with broker() as client:
            rung = sum(client.llen(queue) for queue in QUEUES.split(","))
        assert Schedule.objects.filter(state=Schedule.State.QUEUED).count() >= rung > 0

        empty_broker()

        with processes(tmp_path, "one", "two", **provider_env(provider)):
            resting = Schedule.objects.filter(node_id="rest", state=Schedule.State.WAITING)
            wait_for(lambda: resting.count() == FEW, seconds=END_SECONDS, what="all have come to the wait")
            clock.advance(by=timedelta(days=1, minutes=1))
            empty_broker()
            wait_for(all_ended, seconds=END_SECONDS, what="every instance came to its end")
    check(whole, provider, couples=FEW)
