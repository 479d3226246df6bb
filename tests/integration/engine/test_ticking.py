"""Ticks are carried out one at a time, and forgive clocks."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.scheduling import TickEntry
from engine import tasks
from engine.services import recovery
from engine.ticking import alone

pytestmark = pytest.mark.django_db(transaction=True)


def elsewhere(deed: Any) -> None:
    """Do it in a thread with a connection of its own."""

    def run() -> None:
        try:
            deed()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=20)
    assert not thread.is_alive()


def test_a_tick_is_left_out_while_the_same_is_carried_out() -> None:
    with mock.patch.object(recovery, "sweep") as sweep:
        with alone(tasks.tick_sweep.name):
            elsewhere(tasks.tick_sweep)
            assert not sweep.called
        elsewhere(tasks.tick_sweep)

    assert sweep.call_count == 1


def test_another_tick_is_not_kept_from_its_turn() -> None:
    with mock.patch.object(recovery, "sweep") as sweep, alone(tasks.tick_dispatch.name):
        elsewhere(tasks.tick_sweep)

    assert sweep.call_count == 1


def test_a_tick_that_breaks_is_free_again() -> None:
    with mock.patch.object(recovery, "sweep", side_effect=[ValueError, 0]) as sweep:
        with pytest.raises(ValueError):  # noqa: PT011 our own
            tasks.tick_sweep()
        elsewhere(tasks.tick_sweep)

    assert sweep.call_count == 2


@pytest.mark.parametrize("ahead", [timedelta(seconds=300), timedelta(days=1)])
def test_a_tick_whose_last_run_lies_ahead_is_due_with_the_next_period(ahead: timedelta) -> None:
    every = IntervalSchedule.objects.create(every=1, period="seconds")
    row = PeriodicTask.objects.create(
        name="look", task=tasks.tick_sweep.name, interval=every, last_run_at=timezone.now() + ahead
    )

    entry = TickEntry(row)

    assert entry.is_due().next <= 1
