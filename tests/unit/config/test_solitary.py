"""A worker without a pool watches over itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery.concurrency.prefork import TaskPool as PreforkPool
from celery.concurrency.solo import TaskPool as SoloPool
from celery.worker import state
from structlog.testing import capture_logs

from config import solitary
from config.celery import app
from config.env import TASK_TIME_LIMIT_SECONDS
from config.solitary import HUNG, SelfWatch, Unacknowledged, Watch

LIMIT = float(TASK_TIME_LIMIT_SECONDS)


class Request(SimpleNamespace):
    """As much of Celery's request as is looked at."""

    __hash__ = object.__hash__  # type: ignore[assignment]


def a_request(number: str = "1") -> Request:
    return Request(id=number, name="engine.execute", kwargsrepr="{'places': [[7, 1]]}")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The monotonic clock, turned by hand."""
    hands = {"now": 1000.0}
    monkeypatch.setattr(time, "monotonic", lambda: hands["now"])
    return hands


@pytest.fixture(autouse=True)
def _nothing_runs() -> Iterator[None]:
    state.active_requests.clear()
    yield
    state.active_requests.clear()


class Watched:
    """A watch, and what it did."""

    def __init__(self, **more: Any) -> None:
        self.ended: list[int] = []
        self.asked = 0
        self.watch = Watch(limit=LIMIT, end=self.ended.append, make_way=self.ask, **more)

    def ask(self) -> None:
        self.asked += 1


def test_a_task_that_takes_longer_than_it_may_ends_the_process_and_is_named(clock: dict[str, float]) -> None:
    watched, request = Watched(), a_request()
    state.active_requests.add(request)

    with capture_logs() as logs:
        watched.watch.look()
        clock["now"] += LIMIT
        watched.watch.look()
        assert [] == watched.ended
        clock["now"] += 0.1
        watched.watch.look()

    assert [HUNG] == watched.ended
    (line,) = logs
    assert ("task_hung", "engine.execute", "1", request.kwargsrepr) == tuple(
        line[name] for name in ("event", "task", "id", "bell")
    )
    assert any("test_solitary.py" in place for place in line["where"])


def test_tasks_that_follow_each_other_are_each_taken_by_themselves(clock: dict[str, float]) -> None:
    watched = Watched()

    for number in range(5):
        request = a_request(str(number))
        state.active_requests.add(request)
        watched.watch.look()
        clock["now"] += LIMIT
        state.active_requests.discard(request)

    assert [] == watched.ended


def test_a_worker_that_rests_is_not_ended(clock: dict[str, float]) -> None:
    watched = Watched()

    for _ in range(3):
        watched.watch.look()
        clock["now"] += 10 * LIMIT

    assert [] == watched.ended


def test_a_process_that_has_grown_too_large_is_asked_once_to_make_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched(most_memory=400_000)
    sizes = iter([399_999, 400_001, 500_000])
    monkeypatch.setattr(solitary, "resident", lambda: next(sizes))

    asked = []
    for _ in range(2):
        watched.watch.look()
        asked.append(watched.asked)
    watched.watch.look()

    assert ([0, 1], 1, []) == (asked, watched.asked, watched.ended)


def test_its_size_is_told_in_kilobytes() -> None:
    assert 10_000 < solitary.resident() < 10_000_000


@pytest.mark.parametrize("part", [SelfWatch, Unacknowledged])
@pytest.mark.parametrize(("pool", "has_it"), [(SoloPool, True), (PreforkPool, False)])
def test_only_a_worker_without_a_pool_has_it(part: type, pool: type, has_it: bool) -> None:  # noqa: FBT001
    worker = SimpleNamespace(pool_cls=pool)

    assert part.include_if(part.__new__(part), worker) is has_it


def test_it_is_part_of_every_worker() -> None:
    assert {"config.solitary:SelfWatch", "config.solitary:Unacknowledged"} <= app.steps["worker"]


def test_bells_are_not_acknowledged_where_nothing_is_gained_from_it() -> None:
    options = {"visibility_timeout": 60}
    worker = SimpleNamespace(app=SimpleNamespace(conf=SimpleNamespace(broker_transport_options=options)))

    Unacknowledged.create(Unacknowledged.__new__(Unacknowledged), worker)

    assert {"visibility_timeout": 60, "ack_emulation": False} == worker.app.conf.broker_transport_options
    assert {"visibility_timeout": 60} == options
