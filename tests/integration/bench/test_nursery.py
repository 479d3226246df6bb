"""Programs of Celery that are forked from one process that has loaded the system."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import celery
import psutil
import pytest

from bench import workers
from bench.nursery import BEGINNING
from bench.workers import Ended, running, wait_until
from dev.supervisor import Program

#: They write down which version they are of, and end.
VERSIONS = [Program(name, (*BEGINNING, "-q", "-A", "config", "--version")) for name in ("one", "other")]


def run_out(env: Mapping[str, str] | None = None, *, pids: list[int]) -> None:
    """Run both until they have ended by themselves; their numbers go to `pids`."""
    with running(VERSIONS, env) as two:
        pids += [process.pid for process in two]
        wait_until(
            lambda: all(process.poll() is not None for process in two), seconds=60, what="both had ended"
        )


@pytest.fixture
def loaded_ahead(monkeypatch: pytest.MonkeyPatch) -> Iterator[workers.Nursery]:
    monkeypatch.setattr(workers, "engine_programs", lambda: VERSIONS)
    with workers.loading_ahead([{"QUEUE_BATCH_SIZE": "3"}]):
        (nursery,) = workers._ahead.values()
        yield nursery


def test_each_program_runs_in_a_process_of_its_own_with_the_words_it_was_given() -> None:
    pids: list[int] = []

    with pytest.raises(Ended, match=rf"one, other ended by itself:\n[\s\S]*{re.escape(celery.__version__)}"):
        run_out(pids=pids)

    assert len(set(pids)) == 2


def test_what_was_loaded_ahead_is_what_is_started(loaded_ahead: workers.Nursery) -> None:
    pids: list[int] = []
    workers.loaded()

    with pytest.raises(Ended, match="ended by itself"):
        run_out({"QUEUE_BATCH_SIZE": "3"}, pids=pids)

    assert pids == loaded_ahead.pids()
    assert not psutil.pid_exists(loaded_ahead.process.pid)


def test_what_was_loaded_ahead_and_never_asked_for_goes(loaded_ahead: workers.Nursery) -> None:
    loaded_ahead.end()

    assert not psutil.pid_exists(loaded_ahead.process.pid)


def test_a_nursery_that_could_not_load_says_why() -> None:
    with pytest.raises(Ended, match=r"could not be started:\n[\s\S]*QUEUE_BATCH_SIZE"):
        run_out({"QUEUE_BATCH_SIZE": "many"}, pids=[])
