"""A process dies at every point of a step's road, at every time that it comes there; `make chaos-whole` runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from unittest import mock

import pytest
from django.test import override_settings

from channels.models import Message
from engine.models import Instance, MeetingNotice, NodeExecution
from engine.services import notices
from engine.services.free_times import free_times
from engine.services.triggering import event_receive
from journeys import clock
from journeys.models import Client, Vendor
from tests.builders import ACTOR, a_couple, a_journey
from tests.chaos.forking import DIED
from tests.chaos.forms import WHOLE
from tests.chaos.healing import heal
from tests.chaos.ledger import all_ended, completed_twice, provider_env
from tests.chaos.points import POINTS, Point
from tests.fakes.provider import FakeProvider
from tests.meets import a_booking, a_call, send_letters
from tests.processes import ROOT, Processes, empty_broker

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not WHOLE, reason="Each point's first hit is in test_crash_points; `make chaos-whole` runs all."
    ),
]

#: More visits than any point has on the road; a commit comes more often than anything else.
MOST_HITS = 60


class Mortal:
    """The process that forks children who die on order."""

    def __init__(self, system: Processes) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.forking"],
            cwd=ROOT,
            env=system.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, **order: object) -> int:
        """Have a child do something; its exit code says whether it died on the way."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def shared_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeProvider]:
    with FakeProvider(ledger=tmp_path_factory.mktemp("provider") / "ledger.jsonl") as fake:
        yield fake


@pytest.fixture(scope="module")
def mortal(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory, shared_provider: FakeProvider
) -> Iterator[Mortal]:
    env = provider_env(shared_provider)
    with Processes(folder=tmp_path_factory.mktemp("mortal"), env=env) as system, override_settings(**env):
        process = Mortal(system)
        yield process
        process.close()


@pytest.fixture
def provider(shared_provider: FakeProvider) -> FakeProvider:
    """One for all of this file; each test looks at the messages of its own couples."""
    return shared_provider


@pytest.fixture
def _journey(vendor: Vendor, now: datetime) -> None:
    """Two instant steps, one of which changes the client, and a message to two people."""
    (
        a_journey()
        .trigger("payment_received")
        .action("mark", {"kind": "create_task", "title": "Call them", "due": "2d"})
        .email("welcome", to=["partner_1", "partner_2"])
        .publish(vendor, now=now)
    )


def receive(couple: Client, event_id: str, *, now: datetime) -> None:
    event_receive(
        vendor=couple.vendor,
        type="payment_received",
        event_id=event_id,
        client=couple,
        topic="deposit",
        payload={"amount": 1, "currency": "EUR"},
        now=now,
        actor=ACTOR,
    )


def check(couple: Client, provider: FakeProvider) -> None:
    instance = Instance.objects.get(client=couple)
    assert all_ended()
    assert Instance.Status.COMPLETED == instance.status
    done = NodeExecution.objects.filter(instance=instance, status__in=NodeExecution.COMPLETED)
    assert Counter(("start", "mark", "welcome", "end")) == Counter(done.values_list("node_id", flat=True))
    assert 1 == couple.tasks.count()
    mine = set(Message.objects.filter(client=couple, status="accepted").values_list("public_id", flat=True))
    theirs = letters(couple, provider)
    assert 2 == len(theirs)
    assert mine == set(theirs)
    assert [] == completed_twice()


def letters(couple: Client, provider: FakeProvider) -> list[str]:
    people = {person.email for person in couple.weddings.get().stakeholders.all()}
    return [entry["message_id"] for entry in provider.accepted() if entry["to"] in people]


#: Those that this journey comes by, in a process that turns the engine's loops.
ELSEWHERE = ("engine.services.calling", "channels.webhooks", "engine.services.joining")
WORKING = [
    point
    for point in POINTS
    if point.deed == "payment" and "child" in point.kinds and not point.at.startswith(ELSEWHERE)
]
LETTERS = [point for point in POINTS if point.deed == "meeting"]


@pytest.mark.timeout(300, func_only=True)
@pytest.mark.parametrize("point", WORKING, ids=lambda point: point.slug)
def test_process_that_dies_loses_nothing_and_sends_nothing_twice(
    point: Point, vendor: Vendor, now: datetime, provider: FakeProvider, mortal: Mortal, _journey: None
) -> None:
    for hit in range(1, MOST_HITS):
        couple = a_couple(vendor, now=now)
        receive(couple, f"pay-{hit}", now=now)

        code = mortal.order(point=point.name, hit=hit, task="work", now=now.isoformat())

        assert code in {0, DIED}
        heal(clock.now())
        check(couple, provider)
        if code == 0:
            assert hit > 1, "The point was never reached."
            return
    pytest.fail("The engine came to this point more often than anybody would think.")


@pytest.mark.parametrize("point", LETTERS, ids=lambda point: point.slug)
def test_process_that_dies_over_a_letter_sends_it_once(
    point: Point, vendor: Vendor, now: datetime, provider: FakeProvider, mortal: Mortal
) -> None:
    for hit in (1, 2, 3):
        couple = a_couple(vendor, now=now)
        kind = vendor.meeting_types.first() or a_call(vendor, now=now)
        with mock.patch.object(notices, "dispatch"):
            a_booking(kind, couple, free_times(kind, now=now)[3 * hit], now=now)

        assert DIED == mortal.order(point=point.name, hit=hit, task="letters", now=now.isoformat())

        later = now
        invitations = MeetingNotice.objects.filter(kind=MeetingNotice.Kind.INVITATION)
        while invitations.exclude(state="sent").exists():
            assert later < now + timedelta(minutes=20)
            MeetingNotice.objects.filter(lease_until__isnull=False).update(lease_until=now)
            send_letters(later)
            later += timedelta(seconds=70)
        assert 2 == len(letters(couple, provider))


@pytest.mark.parametrize(
    "name", ["after an instance is placed, before its commit", "after the commit, before the bell"]
)
def test_event_whose_process_dies_starts_one_instance_when_it_is_sent_again(
    name: str, vendor: Vendor, now: datetime, provider: FakeProvider, mortal: Mortal, _journey: None
) -> None:
    couple = a_couple(vendor, now=now)
    order = {"task": "start", "client": couple.public_id, "event_id": "pay-1", "now": now.isoformat()}

    assert DIED == mortal.order(point=name, hit=1, **order)
    receive(couple, "pay-1", now=clock.now())

    heal(clock.now())
    empty_broker()
    check(couple, provider)
