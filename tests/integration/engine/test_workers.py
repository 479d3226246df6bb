"""A worker's life is a lock: lost with the process, taken again with the connection, never shared with a child."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Self

import pytest
from django.conf import settings
from django.db import connection

from engine.models import Schedule, Worker
from engine.services import claims, dispatch, recovery, workers
from engine.services.instances import instance_start
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import bells
from tests.processes import ROOT, database_url, wait_for
from tests.racing import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

SOON = 5.0


@pytest.fixture
def due(transactional_db: None, now: datetime) -> Schedule:
    """A step that was rung for."""
    vendor = a_vendor(now=now)
    journey = a_journey().action("mark", {"kind": "add_tag", "tag": "once"}).publish(vendor, now=now)
    instance_start(
        vendor=vendor, journey=journey, client=a_couple(vendor, now=now), variables={}, now=now, actor=ACTOR
    )
    dispatch.dispatch(now=now)
    return Schedule.objects.get()


@pytest.fixture
def enlisted(transactional_db: None) -> Iterator[int]:
    """This process, as a worker."""
    workers.enlist(name="here")
    number = workers.own_number()
    assert number is not None
    yield number
    workers.resign()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of the tests may have been started just now."""
    monkeypatch.setattr(workers, "RESTART_GRACE", -1.0)


class Living:
    """A process of its own that claims as a worker does (`tests.living`)."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.living"],
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": database_url(),
                "REDIS_URL": settings.CELERY_BROKER_URL,
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "PYTHONWARNINGS": "ignore",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, what: str) -> tuple[int, int]:
        """Tell it something and give the two numbers that it answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        first, second = self.process.stdout.readline().split()
        return int(first), int(second)


def locks() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [workers.LOCK_SPACE],
        )
        return {row[0] for row in cursor.fetchall()}


def end_session(number: int) -> None:
    """End the connection that holds a worker's lock, as a restart or a network does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks "
            "WHERE locktype = 'advisory' AND classid = %s AND objid = %s",
            [workers.LOCK_SPACE, number],
        )


def test_a_process_that_was_not_enlisted_claims_without_a_number(due: Schedule) -> None:
    assert workers.own_number() is None
    assert 1 == len(claims.claim(bells()))

    due.refresh_from_db()
    assert (None, []) == (due.claimed_by, workers.find_dead())


def test_a_claim_says_whose_it_is(due: Schedule, enlisted: int) -> None:
    claims.claim(bells())

    due.refresh_from_db()
    assert enlisted == due.claimed_by == workers.own_number()
    assert {enlisted} == locks()
    assert ("here", os.getpid()) == Worker.objects.values_list("name", "pid").get()


def test_who_gives_the_lock_back_is_gone(due: Schedule, enlisted: int) -> None:
    claims.claim(bells())

    workers.resign()

    wait_for(lambda: 1 == recovery.sweep(), seconds=SOON, what="its step was put back")
    assert workers.own_number() is None


def test_a_killed_process_loses_its_step_and_only_that_at_once(due: Schedule, now: datetime) -> None:
    with Living() as other:
        number, taken = other.ask("claim")
        assert (1, 0) == (taken, recovery.sweep())
        due.refresh_from_db()
        assert number == due.claimed_by

        other.process.send_signal(signal.SIGSTOP)
        with pytest.raises(AssertionError):
            wait_for(recovery.sweep, seconds=2 * workers.PATIENCE, what="a stopped process was robbed")
        other.process.send_signal(signal.SIGCONT)

        other.process.kill()
        wait_for(lambda: 1 == recovery.sweep(), seconds=SOON, what="its step was put back")

    fence, attempt = due.fence, due.attempt
    due.refresh_from_db()
    assert (Schedule.State.WAITING, fence + 1, attempt - 1) == (due.state, due.fence, due.attempt)
    assert 0 == recovery.sweep()
    assert 1 == dispatch.dispatch(now=now)


def test_a_forked_child_has_a_life_of_its_own_and_does_not_keep_its_parents(due: Schedule) -> None:
    with Living() as parent:
        number, taken = parent.ask("claim")
        child, childs_number = parent.ask("fork")
        try:
            assert 1 == taken
            assert {number, childs_number} == locks()
            assert 0 == recovery.sweep()

            parent.process.kill()

            wait_for(lambda: 1 == recovery.sweep(), seconds=SOON, what="the parent's step was put back")
            assert {childs_number} == locks()
            assert Worker.objects.get(id=childs_number).missed_at is None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def test_a_life_line_that_breaks_is_taken_up_again_under_the_same_number(
    due: Schedule, enlisted: int
) -> None:
    claims.claim(bells())
    for _ in range(3):
        end_session(enlisted)
        wait_for(lambda: {enlisted} == locks(), seconds=SOON, what="the lock was taken again")
        wait_for(lambda: workers.own_number() == enlisted, seconds=SOON, what="it knows its number again")
        assert 0 == recovery.sweep()

    due.refresh_from_db()
    assert (Schedule.State.RUNNING, enlisted) == (due.state, due.claimed_by)


def test_nobody_counts_as_dead_at_the_first_look_or_after_coming_back(due: Schedule, enlisted: int) -> None:
    Worker.objects.create(name="gone", pid=1)

    first, gone = workers.find_dead(), Worker.objects.get(name="gone")

    assert [] == first
    assert gone.missed_at is not None
    wait_for(lambda: workers.find_dead() == [gone.id], seconds=SOON, what="the dead one was found")
    Worker.objects.filter(id=enlisted).update(missed_at=gone.missed_at)
    assert [gone.id] == workers.find_dead()
    assert Worker.objects.get(id=enlisted).missed_at is None


def test_nobody_counts_as_dead_right_after_postgresql_began(
    due: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Worker.objects.create(name="gone", pid=1)
    wait_for(lambda: workers.find_dead() == [gone.id], seconds=SOON, what="the dead one was found")

    monkeypatch.setattr(workers, "RESTART_GRACE", 1e9)

    assert [] == workers.find_dead()


def test_the_dead_are_forgotten_after_an_hour(transactional_db: None, now: datetime) -> None:
    Worker.objects.create(name="long gone", pid=1, missed_at=now.replace(year=2020))
    Worker.objects.create(name="alive", pid=2)

    assert 1 == workers.forget_dead()
    assert "alive" == Worker.objects.get().name


def test_two_sweeps_at_once_put_each_step_back_once(due: Schedule) -> None:
    gone = Worker.objects.create(name="gone", pid=1)
    claims.claim(bells())
    Schedule.objects.update(claimed_by=gone.id)
    wait_for(lambda: workers.find_dead() == [gone.id], seconds=SOON, what="the dead one was found")

    assert 1 == sum(together(*[recovery.sweep] * 8))
