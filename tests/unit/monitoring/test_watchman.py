"""Who keeps watch, and that a watchman does not die of what he sees."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError

from monitoring import watchman


def a_worker(*queues: str, forks: bool) -> Any:
    return SimpleNamespace(
        task_consumer=SimpleNamespace(queues=[SimpleNamespace(name=name) for name in queues]),
        pool=SimpleNamespace(uses_semaphore=forks),
    )


@pytest.mark.parametrize(
    ("worker", "watches"),
    [
        (a_worker("ticks", forks=False), True),
        (a_worker("low", "ticks", forks=False), True),
        (a_worker("low", forks=False), False),
        (a_worker("ticks", forks=True), False),
        (None, False),
    ],
)
def test_watch_is_kept_by_the_worker_of_the_ticks_that_does_not_fork(
    worker: Any, monkeypatch: pytest.MonkeyPatch, *, watches: bool
) -> None:
    begun: list[bool] = []
    monkeypatch.setattr(watchman, "keep_watch", lambda: begun.append(True))

    watchman.watch_from_the_ticks(sender=worker)

    assert begun == [True] * watches


@pytest.mark.parametrize("error", [DatabaseError("gone"), RuntimeError("a fault of ours")])
def test_watchman_goes_on_after_what_went_wrong(
    error: Exception, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.WATCH_SECONDS = 0.001
    turns: list[int] = []

    def turn() -> None:
        turns.append(1)
        if len(turns) >= 3:
            stop.set()
        raise error

    monkeypatch.setattr(watchman, "turn", turn)
    monkeypatch.setattr(watchman.connection, "close", lambda: None)
    stop = watchman.keep_watch()

    assert stop.wait(5)
    assert len(turns) >= 3
