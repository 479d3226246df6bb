"""From wall clocks to instants."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.language.errors import CalendarError
from journeys.language.zones import local_instant, local_time, transitions_between, zone_of

ZONES = st.sampled_from(
    ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Europe/Lisbon", "Asia/Kathmandu", "UTC"]
)


@pytest.mark.parametrize(
    ("zone", "day", "at", "expected"),
    [
        # The clocks jump over it: forward by the gap.
        ("America/New_York", date(2027, 3, 14), time(2, 30), datetime(2027, 3, 14, 7, 30, tzinfo=UTC)),
        ("Europe/Berlin", date(2027, 3, 28), time(2, 15), datetime(2027, 3, 28, 1, 15, tzinfo=UTC)),
        ("Australia/Lord_Howe", date(2027, 10, 3), time(2, 10), datetime(2027, 10, 2, 15, 40, tzinfo=UTC)),
        # They show it twice: the first.
        ("America/New_York", date(2027, 11, 7), time(1, 30), datetime(2027, 11, 7, 5, 30, tzinfo=UTC)),
        ("Europe/Berlin", date(2027, 10, 31), time(2, 30), datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
        ("Australia/Lord_Howe", date(2027, 4, 4), time(1, 45), datetime(2027, 4, 3, 14, 45, tzinfo=UTC)),
        # Ordinary days on both sides of a change, 29 February, the turn of the year.
        ("Europe/Berlin", date(2027, 3, 27), time(9), datetime(2027, 3, 27, 8, tzinfo=UTC)),
        ("Europe/Berlin", date(2027, 3, 28), time(9), datetime(2027, 3, 28, 7, tzinfo=UTC)),
        ("Europe/Lisbon", date(2028, 2, 29), time(9), datetime(2028, 2, 29, 9, tzinfo=UTC)),
        ("Pacific/Auckland", date(2028, 1, 1), time(0, 30), datetime(2027, 12, 31, 11, 30, tzinfo=UTC)),
        ("America/New_York", date(2027, 12, 31), time(23, 59), datetime(2028, 1, 1, 4, 59, tzinfo=UTC)),
        # A whole day that Samoa never had.
        ("Pacific/Apia", date(2011, 12, 30), time(9), datetime(2011, 12, 30, 19, tzinfo=UTC)),
    ],
)
def test_local_instant_follows_the_clocks(zone, day, at, expected):
    assert expected == local_instant(day, at, zone)


@given(st.dates(date(2000, 1, 1), date(2040, 12, 31)), st.times(), ZONES)
def test_local_instant_shows_the_time_it_was_asked_for_unless_there_is_none(day, at, zone):
    instant = local_instant(day, at, zone)

    shown = local_time(instant, zone).replace(tzinfo=None)
    asked = datetime.combine(day, at)
    gap = shown - asked
    assert gap in (timedelta(0), timedelta(minutes=30), timedelta(hours=1))
    assert instant.tzinfo is UTC
    if not gap:
        earlier = instant - timedelta(minutes=30), instant - timedelta(hours=1)
        assert all(local_time(moment, zone).replace(tzinfo=None) != asked for moment in earlier)


def test_local_instant_ignores_a_fold_it_is_given():
    day = date(2027, 10, 31)

    assert local_instant(day, time(2, 30), "Europe/Berlin") == local_instant(
        day, time(2, 30, fold=1), "Europe/Berlin"
    )


@pytest.mark.parametrize(
    "name", ["", "Europe", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "a\0b", "x" * 300]
)
def test_zone_that_does_not_exist_is_named(name):
    with pytest.raises(CalendarError, match="no time zone"):
        zone_of(name)


def test_zone_is_found_by_its_name():
    assert ZoneInfo("Europe/Lisbon") == zone_of("Europe/Lisbon")


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [
        ("America/New_York", datetime(2027, 3, 13, tzinfo=UTC), [datetime(2027, 3, 14, 7, tzinfo=UTC)]),
        ("Australia/Lord_Howe", datetime(2027, 4, 2, tzinfo=UTC), [datetime(2027, 4, 3, 15, tzinfo=UTC)]),
        ("Europe/Berlin", datetime(2027, 6, 1, tzinfo=UTC), []),
    ],
)
def test_transitions_are_found_to_the_second(zone, start, expected):
    assert expected == transitions_between(start, start + timedelta(days=3), zone)


@pytest.mark.parametrize("day", [date.min, date.max])
def test_local_instant_at_the_ends_of_the_calendar_is_an_error_not_a_crash(day):
    at = time(0) if day == date.min else time(23)
    zone = "Pacific/Auckland" if day == date.min else "America/New_York"

    with pytest.raises(CalendarError, match="leaves the calendar"):
        local_instant(day, at, zone)


def test_local_time_at_the_end_of_the_calendar_is_an_error_not_a_crash():
    with pytest.raises(CalendarError, match="leaves the calendar"):
        local_time(datetime.max.replace(tzinfo=UTC), "Pacific/Auckland")
