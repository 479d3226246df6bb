"""Whose pool may change its size."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

import pytest

from engine import resizing, tasks
from engine.resizing import Bounds, bounds_of


def a_consumer(*queues: str, autoscaler: Any = None) -> Any:
    """Describe a worker as Celery does."""
    return SimpleNamespace(
        task_consumer=SimpleNamespace(queues=[SimpleNamespace(name=name) for name in queues]),
        controller=SimpleNamespace(autoscaler=autoscaler),
        pool=SimpleNamespace(num_processes=2),
    )


@pytest.fixture(autouse=True)
def _forks_and_was_told_nothing(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.QUEUE_MIN_CONCURRENCY, settings.QUEUE_MAX_CONCURRENCY = 2, 5
    settings.WORKER_CONCURRENCY = None
    monkeypatch.setattr(resizing, "_forking", lambda _consumer: object())
    monkeypatch.setattr(resizing, "_is_on_the_command_line", lambda _option: False)


def test_pool_of_a_worker_that_carries_out_steps_has_bounds() -> None:
    assert Bounds(2, 5) == bounds_of(a_consumer("low", "high"))


def test_pool_that_also_carries_out_instant_steps_has_bounds() -> None:
    assert Bounds(2, 5) == bounds_of(a_consumer("critical", "critical.steps", "high", "high.steps"))


def test_pool_keeps_the_size_that_the_environment_names(settings: Any) -> None:
    settings.WORKER_CONCURRENCY = 3

    assert bounds_of(a_consumer("low")) is None


def test_pool_keeps_the_size_that_the_command_line_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resizing, "_is_on_the_command_line", lambda option: option == "concurrency")

    assert bounds_of(a_consumer("low")) is None


def test_pool_keeps_its_size_where_both_bounds_are_the_same(settings: Any) -> None:
    settings.QUEUE_MIN_CONCURRENCY = 5

    assert bounds_of(a_consumer("low")) is None


def test_pool_that_celery_scales_is_left_to_it() -> None:
    assert bounds_of(a_consumer("low", autoscaler=object())) is None


def test_pool_of_threads_keeps_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    assert bounds_of(a_consumer("low")) is None


def test_pool_that_also_carries_out_ticks_keeps_its_size() -> None:
    assert bounds_of(a_consumer("low", "ticks")) is None


def test_worker_inside_another_program_was_told_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    assert resizing._is_on_the_command_line("concurrency")


@pytest.mark.parametrize(("asked", "held"), [(0, 2), (2, 2), (3, 3), (5, 5), (99, 5)])
def test_bounds_hold_whatever_is_asked_for(asked: int, held: int) -> None:
    assert held == Bounds(fewest=2, most=5).hold(asked)


def test_what_was_loaded_before_the_first_fork_is_frozen_once() -> None:
    assert 0 == gc.get_freeze_count()
    try:
        tasks.share_memory()
        frozen = gc.get_freeze_count()
        tasks.share_memory()

        assert 0 < frozen == gc.get_freeze_count()
    finally:
        gc.unfreeze()
