"""Times, distances and counts in words."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from journeys.templatetags.look import couple, day_text, moment_text, place
from monitoring import wording


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(seconds=40), "40 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=4, minutes=20), "4 h 20 min"),
        (timedelta(hours=4), "4 h"),
        (timedelta(hours=39, minutes=12), "39 h"),
        (timedelta(days=3), "3 days"),
        (timedelta(minutes=-5), "5 min"),
    ],
)
def test_span_is_said_in_the_unit_that_matters(length, expected):
    assert expected == wording.span(length)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-14, "14 days before"),
        (-1, "1 day before"),
        (0, "the day itself"),
        (1, "day after"),
        (7, "7 days after"),
    ],
)
def test_distance_is_said_from_the_wedding(days, expected):
    wedding = date(2027, 6, 26)
    assert expected == wording.distance(wedding + timedelta(days=days), wedding=wedding)


@pytest.mark.parametrize(("number", "expected"), [(48, "+48"), (0, "±0"), (-4, "−4"), (1284, "+1,284")])
def test_change_carries_its_sign(number, expected):
    assert expected == wording.change(number)


@pytest.mark.parametrize(("seconds", "expected"), [(0, "–"), (0.24, "0.2 s"), (12, "12 s"), (300, "5 min")])
def test_age_is_short(seconds, expected):
    assert expected == wording.age(seconds)


def test_count_has_its_noun():
    assert ("1 couple", "1,284 couples") == (
        wording.counted(1, "couple", "couples"),
        wording.counted(1284, "couple", "couples"),
    )


def test_moment_is_told_on_the_clock_of_its_zone(now):
    assert "Today, 10:00" == moment_text(now, now=now, zone="Europe/Lisbon")
    assert "Today, 05:00" == moment_text(now, now=now, zone="America/New_York")


def test_day_names_its_year_only_when_it_is_another():
    today = date(2027, 4, 14)
    assert "Sat 12 Jun" == day_text(date(2027, 6, 12), today=today)
    assert "Mon 12 Jun 2028" == day_text(date(2028, 6, 12), today=today)


def test_couple_gets_the_italic_ampersand_and_nothing_else_from_its_name():
    assert '<span class="couple">Ana <i>&amp;</i> &lt;b&gt;Tom</span>' == couple("Ana & <b>Tom")


@pytest.mark.parametrize(
    ("zone", "expected"), [("America/New_York", "New York"), ("UTC", "UTC"), ("", "UTC")]
)
def test_place_is_the_last_part_of_the_zone(zone, expected):
    assert expected == place(zone)
