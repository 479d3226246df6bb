"""A process that ends in good order is not looked for among the dead, unless it left something behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import psycopg
import pytest

from engine.models import Schedule, Worker
from engine.services import claims, dispatch, recovery, workers
from tests.builders import a_couple, a_journey, a_vendor
from tests.drive import bells, enter
from tests.processes import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

SOON = 10.0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of the tests may have been started just now."""
    monkeypatch.setattr(workers, "RESTART_GRACE", -1.0)


@pytest.fixture
def number() -> Iterator[int]:
    """This process, as a worker."""
    workers.enlist(name="here")
    number = workers.own_number()
    assert number is not None
    yield number
    workers.resign()


@pytest.fixture
def due(now: datetime) -> Schedule:
    """A step that was rung for."""
    vendor = a_vendor(now=now)
    journey = a_journey().action("mark", {"kind": "add_tag", "tag": "once"}).publish(vendor, now=now)
    enter(journey, a_couple(vendor, now=now), now=now)
    dispatch.dispatch(now=now)
    return Schedule.objects.get()


def test_who_takes_leave_without_a_claim_leaves_no_row(number: int) -> None:
    workers.take_leave()

    assert not Worker.objects.filter(id=number).exists()
    assert ([], None) == (workers.find_dead(), workers.own_number())


def test_who_takes_leave_with_a_claim_is_found_and_its_step_put_back(number: int, due: Schedule) -> None:
    claims.claim(bells())

    workers.take_leave()

    wait_for(lambda: 1 == recovery.sweep(), seconds=SOON, what="its step was put back")
    assert Worker.objects.get(id=number).missed_at is not None


def test_who_can_not_tell_anybody_leaves_all_the_same(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> None:
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(psycopg.Connection, "execute", broken)

    workers.take_leave()

    monkeypatch.undo()
    monkeypatch.setattr(workers, "RESTART_GRACE", -1.0)
    wait_for(lambda: workers.find_dead() == [number], seconds=SOON, what="it was found by its lock")


def test_a_process_that_never_claimed_takes_leave_of_nobody() -> None:
    workers.take_leave()

    assert not Worker.objects.exists()
