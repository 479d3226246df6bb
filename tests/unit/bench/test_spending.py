"""Where the bench says its seconds went."""

from __future__ import annotations

from typing import Any

import pytest

from bench import spending as file
from bench.spending import FILLING, MEASURING, REST, STARTING, Spending, line


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A monotonic clock that stands where the test puts it."""
    at = [100.0]
    fake: Any = type("Time", (), {"monotonic": staticmethod(lambda: at[0])})
    monkeypatch.setattr(file, "time", fake)
    return at


def test_seconds_within_something_else_are_counted_once(clock: list[float]) -> None:
    spending = Spending()
    with spending.on(STARTING):
        clock[0] += 2
        with spending.on(FILLING):
            clock[0] += 3
        clock[0] += 1
    clock[0] += 4

    assert spending.taken() == {REST: 4, FILLING: 3, STARTING: 3}


def test_what_was_taken_is_not_told_again(clock: list[float]) -> None:
    spending = Spending()
    with spending.on(MEASURING):
        clock[0] += 5
    spending.taken()
    clock[0] += 1

    assert spending.taken() == {REST: 1}


def test_a_block_that_breaks_is_counted_all_the_same(clock: list[float]) -> None:
    spending = Spending()

    @spending.on(MEASURING)
    def measure() -> None:
        clock[0] += 5
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        measure()

    assert spending.taken()[MEASURING] == 5


def test_a_function_can_say_what_it_spends_on_each_time_it_is_called(clock: list[float]) -> None:
    spending = Spending()

    @spending.on(FILLING)
    def fill() -> None:
        clock[0] += 2

    fill()
    fill()

    assert spending.taken()[FILLING] == 4


def test_a_line_leaves_out_what_rounds_to_nothing() -> None:
    assert line({MEASURING: 19.6, FILLING: 8.2, REST: 0.3}) == "28 s: measuring 20, filling 8"
