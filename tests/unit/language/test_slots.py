"""Free times for meetings: windows, buffers, notice, and the days on which clocks jump."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.language.sending_hours import SendingHours
from journeys.language.slots import Availability, Span, day_span
from journeys.language.zones import local_time

HOUR = timedelta(hours=1)
LISBON = Availability(
    hours=SendingHours.from_setting({"every": ["09:00", "12:00"]}),
    zone="Europe/Lisbon",
    length=HOUR,
    every=HOUR,
    buffer=timedelta(),
    notice=timedelta(),
    horizon_days=2,
)
NOON = datetime(2027, 1, 13, 12, 0, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def on(availability: Availability, day: date, *busy: Span) -> list[datetime]:
    """Give the free times of one day, asked for a week before."""
    far = replace(availability, horizon_days=30)
    now = utc(day.year, day.month, day.day, 12) - timedelta(days=7)
    return far.free(now=now, busy=busy, since=day, until=day)


def test_times_fill_the_open_hours() -> None:
    assert [utc(2027, 1, 14, 9), utc(2027, 1, 14, 10), utc(2027, 1, 14, 11)] == LISBON.free(now=NOON, busy=[])


def test_a_meeting_does_not_run_past_the_open_hours() -> None:
    long = replace(LISBON, length=timedelta(minutes=90), every=timedelta(minutes=30))

    assert [utc(2027, 1, 14, 9), utc(2027, 1, 14, 9, 30), utc(2027, 1, 14, 10), utc(2027, 1, 14, 10, 30)] == (
        long.free(now=NOON, busy=[])
    )


def test_notice_and_horizon_bound_what_is_offered() -> None:
    hurried = replace(LISBON, notice=timedelta(hours=22), horizon_days=2)

    assert [utc(2027, 1, 14, 10), utc(2027, 1, 14, 11)] == hurried.free(now=NOON, busy=[])
    assert date(2027, 1, 14) == hurried.last_day(NOON)


def test_what_is_taken_and_the_pause_after_it_are_not_offered() -> None:
    pausing = replace(LISBON, buffer=timedelta(minutes=15))
    taken = pausing.blocks(utc(2027, 1, 14, 10))

    assert Span(utc(2027, 1, 14, 10), utc(2027, 1, 14, 11, 15)) == taken
    # A meeting at nine would need the quarter of an hour that belongs to the one at ten.
    assert [] == pausing.free(now=NOON, busy=[taken])


def test_meetings_may_touch_without_a_pause() -> None:
    assert [utc(2027, 1, 14, 9), utc(2027, 1, 14, 11)] == LISBON.free(
        now=NOON, busy=[LISBON.blocks(utc(2027, 1, 14, 10))]
    )


def test_closed_days_are_not_offered() -> None:
    assert [] == replace(LISBON, closed_days=frozenset({date(2027, 1, 14)})).free(now=NOON, busy=[])


def test_a_wedding_far_away_takes_its_own_day_and_not_the_vendors() -> None:
    # 14 January on Kiritimati (UTC+14) is 10:00 on the 13th until 10:00 on the 14th in Lisbon.
    wedding = day_span(date(2027, 1, 14), "Pacific/Kiritimati")

    assert Span(utc(2027, 1, 13, 10), utc(2027, 1, 14, 10)) == wedding
    assert [utc(2027, 1, 14, 10), utc(2027, 1, 14, 11)] == LISBON.free(now=NOON, busy=[wedding])


@pytest.mark.parametrize(
    ("zone", "day", "hours", "expected"),
    [
        # New York, 14 March 2027: 02:00 becomes 03:00 (EST is UTC−5, EDT UTC−4).
        ("America/New_York", date(2027, 3, 14), ["00:00", "05:00"], ["05:00", "06:00", "07:00", "08:00"]),
        # New York, 7 November 2027: 02:00 becomes 01:00.
        (
            "America/New_York",
            date(2027, 11, 7),
            ["00:00", "04:00"],
            ["04:00", "05:00", "06:00", "07:00", "08:00"],
        ),
        # Office hours are whole on both days, at another distance from UTC.
        ("America/New_York", date(2027, 3, 14), ["09:00", "11:00"], ["13:00", "14:00"]),
        ("America/New_York", date(2027, 11, 7), ["09:00", "11:00"], ["14:00", "15:00"]),
        # Lisbon, 28 March 2027: 01:00 becomes 02:00.
        ("Europe/Lisbon", date(2027, 3, 28), ["00:00", "03:00"], ["00:00", "01:00"]),
        # Lord Howe, 4 April 2027: 02:00 (UTC+11) becomes 01:30 (UTC+10:30).
        ("Australia/Lord_Howe", date(2027, 4, 4), ["00:00", "03:00"], ["13:00", "14:00", "15:00"]),
        # Samoa and Niue, on both sides of the date line.
        ("Pacific/Apia", date(2027, 6, 1), ["09:00", "11:00"], ["20:00", "21:00"]),
        ("Pacific/Niue", date(2027, 6, 1), ["09:00", "11:00"], ["20:00", "21:00"]),
        # Kathmandu is 5:45 ahead.
        ("Asia/Kathmandu", date(2027, 6, 1), ["09:00", "11:00"], ["03:15", "04:15"]),
        # A window up to midnight ends with the day.
        ("Asia/Tokyo", date(2027, 6, 1), ["22:00", "24:00"], ["13:00", "14:00"]),
    ],
)
def test_times_are_right_where_clocks_jump_and_where_zones_are_far(
    zone: str, day: date, hours: list[str], expected: list[str]
) -> None:
    there = replace(LISBON, zone=zone, hours=SendingHours.from_setting({"every": hours}))

    found = on(there, day)

    assert expected == [f"{start:%H:%M}" for start in found]
    assert all(local_time(start, zone).date() == day for start in found)


def test_only_the_very_instant_is_free() -> None:
    assert LISBON.is_free(utc(2027, 1, 14, 9), now=NOON, busy=[])
    assert not LISBON.is_free(utc(2027, 1, 14, 9, 30), now=NOON, busy=[])
    assert not LISBON.is_free(utc(2027, 1, 13, 9), now=NOON, busy=[])
    assert not LISBON.is_free(utc(2027, 1, 16, 9), now=NOON, busy=[])


@given(
    now=st.datetimes(
        datetime(2026, 1, 1),  # noqa: DTZ001 the strategy adds the zone
        datetime(2029, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    zone=st.sampled_from(["Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]),
    length=st.integers(10, 180),
    every=st.integers(10, 120),
    buffer=st.integers(0, 60),
    notice=st.integers(0, 72),
    opens=st.integers(0, 20),
    taken=st.lists(st.integers(0, 24 * 9), max_size=6),
)
def test_every_time_that_is_offered_keeps_every_rule(
    now: datetime, zone: str, length: int, every: int, buffer: int, notice: int, opens: int, taken: list[int]
) -> None:
    hours = SendingHours.from_setting({"every": [f"{opens:02d}:00", "24:00"]})
    there = Availability(
        hours=hours,
        zone=zone,
        length=timedelta(minutes=length),
        every=timedelta(minutes=every),
        buffer=timedelta(minutes=buffer),
        notice=timedelta(hours=notice),
        horizon_days=8,
    )
    busy = [there.blocks(now.replace(minute=0, second=0, microsecond=0) + hour * HOUR) for hour in taken]

    found = there.free(now=now, busy=busy)

    assert sorted(set(found)) == found
    for start in found:
        assert start >= now + there.notice
        assert hours.is_open(start, zone)
        assert hours.is_open(start + there.length - timedelta(seconds=1), zone)
        assert local_time(start, zone).date() <= there.last_day(now)
        assert not any(there.blocks(start).overlaps(span) for span in busy)
