"""A worker's process dies in the middle of a step: noticed by the lock it loses, long before its lease ends."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from channels.models import Message
from engine import bells
from engine.models import DeadLetter, Instance, NodeExecution, Schedule, TicketLine, Worker
from engine.services.claims import MAX_CLAIMS
from engine.services.instances import instance_start
from journeys import clock
from journeys.models import Journey, Vendor
from tests.builders import ACTOR, a_couple, a_journey
from tests.chaos.ledger import completed_twice, disagreements, provider_env, sent_twice
from tests.fakes.provider import FakeProvider
from tests.processes import Processes, processes, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

#: As in production.
LEASE_SECONDS = 20
BELL_SECONDS = 3
#: What is promised.
FOUND_WITHIN = 5.0
#: A beat counts as silent after 10 s, and each worker looks every 5 s.
WITHOUT_BEAT = 25.0
IN_PRODUCTION = {
    "TEST_LEASE_SECONDS": str(LEASE_SECONDS),
    "QUEUE_BELL_LEASE_SECONDS": str(BELL_SECONDS),
}


def start(journey: Journey, now: datetime) -> Instance:
    return instance_start(
        vendor=journey.vendor,
        journey=journey,
        client=a_couple(journey.vendor, now=now),
        variables={},
        now=clock.now(),
        actor=ACTOR,
    )


def ended(*instances: Instance) -> bool:
    done = Instance.objects.filter(id__in=[one.id for one in instances], status=Instance.Status.COMPLETED)
    return done.count() == len(instances)


@pytest.mark.parametrize("victim", ["the child", "the whole worker"])
def test_a_killed_process_is_noticed_within_seconds_and_its_step_taken_over(
    vendor: Vendor, now: datetime, provider: FakeProvider, tmp_path: Path, record_property, victim: str
) -> None:
    journey = a_journey().email("welcome").publish(vendor, now=now)
    provider.fail("sendgrid", "hang", seconds=60)
    with processes(tmp_path, "one", "two", **IN_PRODUCTION, **provider_env(provider)) as system:
        instance = start(journey, now)
        wait_for(provider.accepted, seconds=15, what="the provider took the message")
        schedule = Schedule.objects.get(node_id="welcome")
        holder = Worker.objects.get(id=schedule.claimed_by)
        assert Schedule.State.RUNNING == schedule.state

        if victim == "the child":
            os.kill(holder.pid, signal.SIGKILL)
        else:
            next(one for one in system.running if holder.name == f"{one.name}@test").kill()
        killed = time.monotonic()
        wait_for(
            lambda: Message.objects.filter(in_doubt_since__isnull=False).exists(),
            seconds=FOUND_WITHIN,
            what="somebody else took the step over",
        )
        taken_over = time.monotonic() - killed
        wait_for(lambda: ended(instance), seconds=15, what="the instance went on to its end")

    record_property("taken over, seconds after the kill (lease 20 s)", round(taken_over, 2))
    print(f"taken over {taken_over:.2f} s after the kill, with a lease of {LEASE_SECONDS} s")  # noqa: T201
    assert ([], [], set()) == (completed_twice(), sent_twice(provider), disagreements(provider))
    assert Worker.objects.get(id=holder.id).missed_at is not None


def test_a_step_that_kills_its_process_is_quarantined_and_its_neighbors_go_on(
    vendor: Vendor, now: datetime, tmp_path: Path
) -> None:
    """The first bell carries poison and neighbors together; once it has killed, it travels alone."""
    poison = a_journey().action("drink", {"kind": "add_tag", "tag": "poison"}).publish(vendor, now=now)
    healthy = a_journey().action("mark", {"kind": "add_tag", "tag": "fine"}).publish(vendor, now=now)
    log = tmp_path / "poison.log"
    with processes(
        tmp_path,
        "one",
        "two",
        **IN_PRODUCTION,
        DJANGO_SETTINGS_MODULE="tests.chaos.poison_settings",
        POISON_LOG=str(log),
    ):
        drinker = start(poison, now)
        neighbors = [start(healthy, now) for _ in range(12)]
        wait_for(
            lambda: TicketLine.objects.filter(code="poison").exists(), seconds=60, what="it was quarantined"
        )
        wait_for(lambda: ended(*neighbors), seconds=15, what="the neighbors came to their ends")
        late = start(healthy, now)
        wait_for(lambda: ended(late), seconds=15, what="the workers go on after it")

    assert MAX_CLAIMS == len(log.read_text().split())
    line = TicketLine.objects.get()
    assert (drinker.id, "drink") == (line.instance_id, line.node_id)
    letter = DeadLetter.objects.get()
    assert ("step", drinker.public_id) == (letter.kind, letter.payload["instance"])
    assert Schedule.State.PARKED == Schedule.objects.get().state
    assert [] == completed_twice()
    # A crash is no attempt: what came to a result did so at its first one.
    done = NodeExecution.objects.filter(node_id__in=["mark", "drink"])
    assert {1} == set(done.values_list("attempt", flat=True))


def test_a_bell_that_is_lost_is_found_within_seconds(
    vendor: Vendor, now: datetime, provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = a_journey().action("mark", {"kind": "add_tag", "tag": "fine"}).publish(vendor, now=now)
    with processes(tmp_path, "one", **IN_PRODUCTION, **provider_env(provider)):
        warm = start(journey, now)
        wait_for(lambda: ended(warm), seconds=15, what="the worker is awake")
        monkeypatch.setattr(bells, "ring", lambda _places: None)
        instance = start(journey, now)
        lost = time.monotonic()
        assert Schedule.State.QUEUED == Schedule.objects.get(instance=instance).state
        wait_for(lambda: ended(instance), seconds=FOUND_WITHIN + 1, what="it was rung for again")
        found = time.monotonic() - lost

    print(f"found {found:.2f} s after the bell was lost")  # noqa: T201
    assert found < FOUND_WITHIN


def test_without_a_beat_the_workers_find_what_is_lost_by_themselves(
    vendor: Vendor, now: datetime, provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = (
        a_journey().wait("breath", for_="1d").action("mark", {"kind": "add_tag", "tag": "fine"})
    ).publish(vendor, now=now)
    with Processes(folder=tmp_path, env=IN_PRODUCTION | provider_env(provider)) as system:
        system.worker("one")
        system.wait_until_ready()
        monkeypatch.setattr(bells, "ring", lambda _places: None)
        instance = start(journey, now)
        wait_for(
            lambda: Schedule.objects.filter(instance=instance, node_id="breath", state="waiting").exists(),
            seconds=WITHOUT_BEAT,
            what="the lost bell was found",
        )
        clock.advance(by=timedelta(days=2))
        wait_for(lambda: ended(instance), seconds=WITHOUT_BEAT, what="the wait was ended")
