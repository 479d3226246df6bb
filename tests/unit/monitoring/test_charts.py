"""Paths that the server prints."""

from __future__ import annotations

import pytest

from monitoring import charts


@pytest.mark.parametrize(
    ("highest", "expected"),
    [(0, 2), (1, 2), (3, 4), (41, 60), (100, 100), (101, 200), (1001, 2000), (7300, 8000)],
)
def test_top_of_the_chart_is_round_and_not_below_the_highest_value(highest, expected):
    assert expected == charts.nice_top(highest)


def test_line_spans_the_whole_width_and_turns_heights_upside_down():
    assert "M0,100 500,50 1000,0" == charts.line([0, 5, 10], top=10)


def test_line_that_begins_later_starts_at_its_place():
    assert charts.line([10, 0], top=10, start=2, of=5).startswith("M500,0")


def test_line_of_nothing_is_nothing():
    assert "" == charts.line([], top=10)
    assert charts.Spark("", "") == charts.spark([])


def test_area_is_closed_at_the_bottom():
    assert charts.area([1, 2], top=2).endswith("L1000,100 L0,100 Z")


def test_value_outside_of_the_scale_stays_inside_the_drawing():
    assert (0, 100) == (charts.y_of(50, top=10), charts.y_of(-5, top=10))


def test_bar_of_an_hour_without_events_is_low_and_marked():
    bars = charts.bars([0, 4])
    assert [True, False] == [bar.zero for bar in bars]
    assert bars[0].height < bars[1].height


def test_slices_fill_the_bar_and_leave_out_what_is_none():
    slices = charts.slices([("plan", 990), ("run", 0), ("danger", 1)])
    assert ["plan", "danger"] == [one.name for one in slices]
    assert pytest.approx(99.65, abs=0.05) == sum(float(one.width[:-1]) for one in slices)
    assert float(slices[1].width[:-1]) >= 0.6


def test_slices_of_nobody_are_none():
    assert [] == charts.slices([("plan", 0)])
