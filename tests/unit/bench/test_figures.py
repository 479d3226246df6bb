"""The bench's own arithmetic and the shape of what it writes down; how long anything takes is never a test."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import (
    KEYS,
    Figure,
    Goal,
    merged,
    middle,
    percentile,
    read_results,
    rounded,
    shown,
    write_results,
)

AT_LEAST_TWELVE = Goal("ratio", "at least", 12)
AT_MOST_TWENTY = Goal("value", "at most", 20)


def a_figure(**changed: Any) -> Figure:
    given: dict[str, Any] = {
        "name": "saturated, empty chain",
        "unit": "steps/s",
        "value": 4_800.0,
        "yardstick_name": "no-op Celery chain",
        "yardstick_value": 400.0,
        "goal": AT_LEAST_TWELVE,
    }
    return Figure(**{**given, **changed})


@pytest.mark.parametrize(
    ("goal", "value", "yardstick", "met", "share"),
    [
        (AT_LEAST_TWELVE, 4_800.0, 400.0, True, 1.0),
        (AT_LEAST_TWELVE, 2_400.0, 400.0, False, 0.5),
        (AT_MOST_TWENTY, 20.0, None, True, 1.0),
        (AT_MOST_TWENTY, 5.0, None, True, 4.0),
        (AT_MOST_TWENTY, 40.0, None, False, 0.5),
        (Goal("value", "at most", 0), 0.0, None, True, 1.0),
        (Goal("value", "at most", 0), 3.0, None, False, 0.0),
        (AT_MOST_TWENTY, 0.0, None, True, math.inf),
    ],
)
def test_a_goal_is_judged_by_what_it_is_about(
    goal: Goal, value: float, yardstick: float | None, *, met: bool, share: float
) -> None:
    figure = a_figure(goal=goal, value=value, yardstick_value=yardstick)

    assert met is figure.met
    assert share == figure.share


def test_a_ratio_needs_both_sides() -> None:
    assert a_figure().ratio == 12
    assert a_figure(value=None).ratio is None
    assert a_figure(yardstick_value=None).ratio is None
    assert a_figure(yardstick_value=0.0).ratio is None


def test_a_goal_by_ratio_is_not_judged_without_a_yardstick() -> None:
    assert a_figure(yardstick_value=None).met is None


def test_a_run_that_was_too_small_meets_no_goal_and_misses_none() -> None:
    figure = a_figure(not_judged="measured with 50 of 1,000")

    assert figure.met is None
    assert "not judged (measured with 50 of 1,000)" in figure.line()


def test_an_entry_has_every_key_and_its_settings() -> None:
    entry = a_figure(detail={"steps": 900}).as_json(cores=2, settings={"fsync": "on"})

    assert set(KEYS) == set(entry)
    assert entry["goal"] == "at least 12 times"
    assert entry["met"] is True
    assert entry["settings"] == {"fsync": "on", "steps": 900, "share_of_goal": 1.0}
    json.dumps(entry, allow_nan=False)


def test_an_entry_that_was_skipped_says_why() -> None:
    entry = Figure(name="DBOS", unit="steps/s", skipped="no registry can be reached").as_json(
        cores=2, settings={}
    )

    assert entry["skipped"] == "no registry can be reached"
    assert (entry["value"], entry["ratio"], entry["met"]) == (None, None, None)


def test_an_endless_share_can_be_written_down() -> None:
    entry = a_figure(goal=AT_MOST_TWENTY, value=0.0).as_json(cores=2, settings={})

    json.dumps(entry, allow_nan=False)
    assert entry["settings"]["share_of_goal"] is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.01234, "0.0123"), (1.5, "1.50"), (12_345.6, "12,346"), (999.6, "1,000")],
)
def test_a_number_is_shown_without_an_exponent(value: float, text: str) -> None:
    assert text == shown(value)


def test_a_number_is_kept_to_four_digits() -> None:
    assert rounded(1234.567) == 1235
    assert rounded(None) is None
    assert rounded(math.inf) is None


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (0.95, 95), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: int) -> None:
    assert percentile(range(100, 0, -1), share) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_percentile_has_its_share_of_the_values_below_it(values: list[float], share: float) -> None:
    found = percentile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert sum(value < found for value in values) < share * len(values) + 1e-6


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_a_percentile_of_nothing_is_refused(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="needs values"):
        percentile(values, share)


def test_the_middle_of_rounds_is_their_median() -> None:
    assert middle([3.0, 1.0, 2.0]) == 2


def test_a_new_entry_takes_the_place_of_the_old_one() -> None:
    before = [{"name": "a", "value": 1}, {"name": "b", "value": 2}]

    assert merged(before, [{"name": "a", "value": 9}, {"name": "c", "value": 3}]) == [
        {"name": "a", "value": 9},
        {"name": "b", "value": 2},
        {"name": "c", "value": 3},
    ]


def test_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.json"
    entries = [a_figure().as_json(cores=2, settings={"fsync": "on"})]

    assert read_results(path) == []
    write_results(path, entries)

    assert read_results(path) == entries
    assert [path] == list(path.parent.iterdir())
