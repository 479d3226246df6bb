"""What the questions of one run share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from bench.run import Run, Skipped


@contextlib.contextmanager
def noted(notes: list[str], name: str) -> Iterator[str]:
    notes.append(f"begin {name}")
    yield name
    notes.append(f"end {name}")


def test_what_lasts_is_entered_once_and_left_at_the_end_latest_first() -> None:
    run, notes = Run(), []

    for name in ("engine", "engine", "celery"):
        assert run.lasting(name, lambda name=name: noted(notes, name)) == name
    assert run.lasts("engine")
    run.end()

    assert notes == ["begin engine", "begin celery", "end celery", "end engine"]
    assert not run.lasts("engine")


def test_a_second_end_does_nothing_and_what_lasted_can_begin_again() -> None:
    run, notes = Run(), []
    run.lasting("engine", lambda: noted(notes, "engine"))
    run.end()
    run.end()

    run.lasting("engine", lambda: noted(notes, "engine"))

    assert notes == ["begin engine", "end engine", "begin engine"]


def test_what_could_not_begin_does_not_last() -> None:
    run = Run()

    @contextlib.contextmanager
    def broken() -> Iterator[None]:
        raise OSError("no memory")
        yield

    with pytest.raises(OSError, match="no memory"):
        run.lasting("engine", broken)

    assert not run.lasts("engine")


def test_what_was_skipped_once_is_not_tried_again() -> None:
    run, tried = Run(), []

    def measure() -> int:
        tried.append(1)
        raise Skipped("no registry can be reached")

    for _ in range(2):
        with pytest.raises(Skipped, match="no registry"):
            run.once("dbos", measure)

    assert len(tried) == 1
