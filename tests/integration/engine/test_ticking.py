"""Ticks are carried out one at a time."""

from __future__ import annotations

import time
from unittest import mock

import pytest
from django.db import connection

from engine import tasks
from engine.services import recovery
from engine.ticking import _numbers, alone
from tests.racing import together

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_tick_is_left_out_while_the_same_is_carried_out() -> None:
    with mock.patch.object(recovery, "sweep") as sweep:
        with alone(tasks.tick_sweep.name):
            together(tasks.tick_sweep)
            assert not sweep.called
        together(tasks.tick_sweep)

    assert sweep.call_count == 1


def test_one_that_looked_too_long_takes_the_turn_of_the_one_that_was_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "DISPATCH_FOR", 0.01)
    looks = []

    def look(**_kwargs: object) -> int:
        looks.append(len(looks))
        if len(looks) == 1:
            # Its successors come while it is at it: they are one turn, however many.
            together(tasks.tick_dispatch)
            together(tasks.tick_dispatch)
            time.sleep(0.02)
        return 0

    monkeypatch.setattr(tasks.dispatch, "dispatch", look)
    together(tasks.tick_dispatch)
    turns = len(looks)
    together(tasks.tick_dispatch)

    assert turns == 2
    assert len(looks) == 3, "what was left out is made up for once"


def test_another_tick_is_not_kept_from_its_turn() -> None:
    with mock.patch.object(recovery, "sweep") as sweep, alone(tasks.tick_dispatch.name):
        together(tasks.tick_sweep)

    assert sweep.call_count == 1


def test_a_tick_that_breaks_is_free_again() -> None:
    with mock.patch.object(recovery, "sweep", side_effect=[ValueError, 0]) as sweep:
        with pytest.raises(ValueError):  # noqa: PT011 our own
            tasks.tick_sweep()
        together(tasks.tick_sweep)

    assert sweep.call_count == 2


def test_a_lock_does_not_stay_behind_when_its_connection_breaks() -> None:
    with mock.patch.object(recovery, "sweep") as sweep:
        with alone(tasks.tick_sweep.name):
            with connection.cursor() as cursor:
                cursor.execute(
                    """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE application_name = 'ticks' AND datname = current_database()"""
                )
                assert cursor.rowcount == 1
            # The same process knows what it is at, whatever became of the lock.
            together(tasks.tick_sweep)
            assert not sweep.called
        together(tasks.tick_sweep)

    assert sweep.call_count == 1


def test_a_tick_takes_no_lock_on_a_connection_of_the_pool() -> None:
    with alone(tasks.tick_sweep.name), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert cursor.fetchone() == (0,)


def test_another_process_is_kept_out_until_this_one_is_through() -> None:
    ours = _numbers(tasks.tick_sweep.name)
    ask = "SELECT pg_try_advisory_lock(%s, %s)"
    with connection.cursor() as cursor:
        with alone(tasks.tick_sweep.name):
            cursor.execute(ask, ours)
            assert cursor.fetchone() == (False,)
        cursor.execute(ask, ours)
        assert cursor.fetchone() == (True,)
        with alone(tasks.tick_sweep.name) as is_alone:
            assert not is_alone
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", ours)
