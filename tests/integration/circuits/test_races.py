"""Several workers and one circuit: exactly one probe, also when the one that had it dies."""

from __future__ import annotations

import threading
from concurrent.futures import as_completed
from datetime import datetime, timedelta
from typing import Any

import pytest

from channels.models import Circuit, Message
from channels.services import sending
from engine.models import Instance, Schedule
from engine.services import dispatch, runner
from journeys.models import Vendor
from tests.builders import a_couple, a_journey, a_vendor
from tests.drive import bells, enter, run_until_idle
from tests.fakes.provider import SENDGRID_KEY, FakeProvider
from tests.racing import WAIT_SECONDS, Threads

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(90)]


@pytest.fixture
def vendor(transactional_db: None, now: datetime) -> Vendor:
    return a_vendor(now=now)


def held(vendor: Vendor, settings: Any, *, couples: int, now: datetime) -> Circuit:
    """Let so many couples wait for a key that has been mended; all of them come at the probe's moment."""
    settings.SENDGRID_API_KEY = "SG.wrong"
    journey = a_journey().email("hello").publish(vendor, now=now)
    for _ in range(couples):
        enter(journey, a_couple(vendor, now=now), now=now)
    run_until_idle(now)
    settings.SENDGRID_API_KEY = SENDGRID_KEY
    circuit = Circuit.objects.get()
    Schedule.objects.update(due_at=circuit.probe_at)
    return circuit


def test_while_one_worker_probes_the_others_wait(
    vendor: Vendor,
    now: datetime,
    provider: FakeProvider,
    settings: Any,
    threads: Threads,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = held(vendor, settings, couples=6, now=now).probe_at
    settings.QUEUE_BATCH_SIZE = 1
    asked = len(provider.requests)
    dispatch.dispatch(now=at)
    places = bells()
    assert len(places) == 6
    real, go_on, calls = sending.hand_over, threading.Event(), []

    def held_open(message: Message) -> Any:
        calls.append(message.pk)
        assert go_on.wait(WAIT_SECONDS)
        return real(message)

    monkeypatch.setattr(sending, "hand_over", held_open)

    futures = [threads.begin(lambda place=place: runner.run(places=[place], now=at)) for place in places]
    finished = as_completed(futures, timeout=WAIT_SECONDS)
    assert [next(finished).result() for _ in range(5)] == [1] * 5
    # Five have come to a result although the provider has not answered: they wait.
    assert (len(calls), Circuit.objects.get().state) == (1, "half_open")
    assert Schedule.objects.filter(state="waiting", attempt=0).count() == 5
    go_on.set()
    assert sum(future.result(WAIT_SECONDS) for future in futures) == 6

    assert (len(provider.requests) - asked, Circuit.objects.get().state) == (1, "closed")
    run_until_idle(at + timedelta(minutes=5))
    assert len(provider.accepted()) == Instance.objects.filter(status="completed").count() == 6


def test_probe_of_a_worker_that_died_goes_to_the_next(
    vendor: Vendor,
    now: datetime,
    provider: FakeProvider,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Died(BaseException):
        """The process is gone."""

    def die(_message: Message) -> Any:
        raise Died

    at = held(vendor, settings, couples=2, now=now).probe_at
    real = sending.hand_over
    monkeypatch.setattr(sending, "hand_over", die)
    with pytest.raises(Died):
        run_until_idle(at)
    monkeypatch.setattr(sending, "hand_over", real)
    run_until_idle(at)
    assert (Circuit.objects.get().state, provider.accepted()) == ("half_open", [])

    Circuit.objects.update(probe_lease="2020-01-01T00:00:00Z")
    Schedule.objects.filter(state="running").update(lease_until="2020-01-01T00:00:00Z")
    for minutes in range(0, 12, 2):
        run_until_idle(at + timedelta(minutes=minutes))

    assert Circuit.objects.get().state == "closed"
    assert len({entry["to"] for entry in provider.accepted()}) == len(provider.accepted()) == 2
