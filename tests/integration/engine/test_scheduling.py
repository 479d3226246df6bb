"""The beat's schedule needs no clock that is right."""

from __future__ import annotations

import time
from datetime import timedelta
from unittest import mock

import pytest
import redis
from django.conf import settings
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from config import scheduling
from config.celery import app
from config.scheduling import LOOK_EVERY, MOST_WAITING, TickEntry, TickScheduler
from engine import tasks

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _nothing_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "_sent", {})


def a_row(*, seconds: int = 1, last_run: timedelta = timedelta()) -> PeriodicTask:
    every = IntervalSchedule.objects.create(every=seconds, period="seconds")
    return PeriodicTask.objects.create(
        name="look", task=tasks.tick_sweep.name, interval=every, last_run_at=timezone.now() + last_run
    )


@pytest.mark.parametrize("ahead", [timedelta(seconds=300), DAY])
def test_a_tick_whose_last_run_lies_ahead_is_due_with_the_next_period(ahead: timedelta) -> None:
    entry = TickEntry(a_row(last_run=ahead))

    assert 0 < entry.is_due().next <= 1


def test_a_tick_whose_last_run_is_long_ago_is_due_at_once() -> None:
    assert TickEntry(a_row(last_run=-DAY)).is_due() == (True, 1)


@pytest.mark.parametrize("jump", [-DAY, timedelta(minutes=-5), timedelta(minutes=5), DAY])
def test_a_tick_keeps_its_period_when_the_clock_is_set_while_the_beat_runs(jump: timedelta) -> None:
    # Given a tick that was sent just now
    entry = next(TickEntry(a_row(seconds=30, last_run=-DAY)))
    # When the clock is set, and the schedule is read again
    with mock.patch.object(TickEntry, "_default_now", return_value=timezone.now() + jump):
        again = TickEntry(PeriodicTask.objects.get())
        # Then it is neither due now nor later than its period
        for one in (entry, again):
            is_due, seconds = one.is_due()
            assert not is_due
            assert 25 < seconds <= 30


def test_the_order_of_ticks_is_by_the_monotonic_clock() -> None:
    scheduler = TickScheduler(app=app, lazy=True)

    assert scheduler._when(None, 5) == pytest.approx(time.monotonic() + 5, abs=0.5)


def test_ticks_do_not_expire_by_anybodys_clock() -> None:
    for name, fields in settings.CELERY_BEAT_SCHEDULE.items():
        # Given a tick that expired in an older version
        every = IntervalSchedule.objects.get_or_create(every=fields["schedule"], period="seconds")[0]
        PeriodicTask.objects.create(name=name, task=fields["task"], interval=every, expire_seconds=60)
        # When the beat starts
        entry = TickEntry.from_entry(name, app=app, **fields)
        # Then it does no longer
        assert "expires" not in entry.options
        assert PeriodicTask.objects.get(name=name).expire_seconds is None


@pytest.mark.django_db(transaction=True)
def test_a_change_by_somebody_whose_clock_is_behind_is_seen() -> None:
    scheduler = TickScheduler(app=app, lazy=True)
    row = a_row()
    assert not scheduler.schedule_changed()

    PeriodicTasks.objects.update(last_update=timezone.now() - DAY)

    assert scheduler.schedule_changed()
    assert not scheduler.schedule_changed()
    PeriodicTasks.changed(row)
    assert scheduler.schedule_changed()


def a_queued_entry() -> TickEntry:
    row = a_row()
    row.queue = settings.TICK_QUEUE
    return TickEntry(row)


def test_ticks_that_nobody_takes_do_not_pile_up() -> None:
    scheduler, entry = TickScheduler(app=app, lazy=True), a_queued_entry()
    waiting = [MOST_WAITING, MOST_WAITING, MOST_WAITING - 1]

    with (
        mock.patch.object(scheduling, "waiting_in", side_effect=waiting) as looked,
        mock.patch.object(tasks.tick_sweep, "apply_async") as sent,
    ):
        for times in (0, 0, 1, 2):
            scheduler.apply_async(entry, advance=False)
            assert sent.call_count == times

    # Room was found at the third look, and is taken for granted for a while.
    assert looked.call_count == 3


@pytest.mark.parametrize("error", [ConnectionError, AttributeError])
def test_a_tick_is_sent_when_the_look_into_its_queue_fails(error: type[Exception]) -> None:
    scheduler, entry = TickScheduler(app=app, lazy=True), a_queued_entry()

    with (
        mock.patch.object(scheduling, "waiting_in", side_effect=error) as looked,
        mock.patch.object(tasks.tick_sweep, "apply_async") as sent,
    ):
        scheduler.apply_async(entry, advance=False)
        scheduler.apply_async(entry, advance=False)

    assert (1, 2) == (looked.call_count, sent.call_count)
    assert scheduler._look_at[settings.TICK_QUEUE] == pytest.approx(time.monotonic() + LOOK_EVERY, abs=1)


def test_messages_of_a_queue_are_counted() -> None:
    queue = "nobody takes these"
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as broker:
        broker.delete(queue)
        assert 0 == scheduling.waiting_in(app, queue)
        broker.lpush(queue, "one", "two")
        assert 2 == scheduling.waiting_in(app, queue)
        broker.delete(queue)
