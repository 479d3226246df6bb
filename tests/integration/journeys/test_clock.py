from __future__ import annotations

from datetime import UTC, timedelta

import pytest
from django.db import connection

from journeys import clock
from journeys.models import ClockShift


def database_time():
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def test_the_time_is_the_database_s_until_it_is_moved(settings):
    settings.CLOCK_MOVABLE = True

    assert abs(clock.now() - database_time()) < timedelta(seconds=5)
    assert clock.now().tzinfo is UTC


def test_the_clock_moves_forward_and_further(settings):
    settings.CLOCK_MOVABLE = True

    clock.advance(by=timedelta(days=30))
    moved = clock.advance(by=timedelta(hours=1))

    assert abs(moved - database_time() - timedelta(days=30, hours=1)) < timedelta(seconds=5)
    assert ClockShift.objects.get().shift == timedelta(days=30, hours=1)


def test_moving_the_clock_makes_room_for_the_history_of_that_time(settings):
    settings.CLOCK_MOVABLE = True

    moved = clock.advance(by=timedelta(days=3000))

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"journeys_auditrecord_{moved:%Y_%m}"])
        assert cursor.fetchone()[0] is not None


def test_the_clock_never_moves_back(settings):
    settings.CLOCK_MOVABLE = True

    with pytest.raises(ValueError, match="forward"):
        clock.advance(by=timedelta(seconds=-1))


def test_a_fixed_clock_ignores_what_was_moved_and_can_not_be_moved(settings):
    ClockShift.objects.create(shift=timedelta(days=30))
    settings.CLOCK_MOVABLE = False

    assert abs(clock.now() - database_time()) < timedelta(seconds=5)
    with pytest.raises(clock.ClockFixed, match="CLOCK_MOVABLE"):
        clock.advance(by=timedelta(days=1))
