"""The hours in which a couple may be written to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys.language.errors import CalendarError
from journeys.language.sending_hours import WEEKDAYS, SendingHours

OFFICE = SendingHours.from_setting({"every": ["09:00", "20:00"], "sun": []})


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@st.composite
def hours(draw):
    """Some week that is open at least once."""
    week = []
    for _ in range(7):
        edges = sorted(draw(st.lists(st.integers(0, 24 * 4), max_size=4, unique=True)))
        pairs = zip(edges[::2], edges[1::2], strict=False)
        week.append(tuple((start * 15, end * 15) for start, end in pairs))
    if not any(week):
        week[draw(st.integers(0, 6))] = ((9 * 60, 18 * 60),)
    return SendingHours(tuple(week))


# Weeks in which the clocks change in New York, Berlin, Lord Howe and Lisbon, and ordinary ones.
MOMENTS = st.builds(
    lambda start, minutes: start + timedelta(minutes=minutes),
    st.sampled_from(
        [
            at(2027, 3, 12),
            at(2027, 11, 5),
            at(2027, 3, 26),
            at(2027, 10, 29),
            at(2027, 4, 2),
            at(2027, 10, 1),
            at(2027, 12, 30),
        ]
    ),
    st.integers(0, 4 * 24 * 60),
)
ZONES = st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Europe/Lisbon"])


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (at(2027, 6, 11, 8), at(2027, 6, 11, 8)),
        (at(2027, 6, 11, 7, 59), at(2027, 6, 11, 8)),
        (at(2027, 6, 11, 19), at(2027, 6, 12, 8)),
        (at(2027, 6, 12, 19), at(2027, 6, 14, 8)),
        (at(2027, 6, 13, 12), at(2027, 6, 14, 8)),
        (at(2027, 12, 31, 23), at(2028, 1, 1, 9)),
    ],
)
def test_sending_hours_open_next_where_the_couple_is(instant, expected):
    assert expected == OFFICE.next_open(instant, "Europe/Lisbon")


@pytest.mark.parametrize(
    ("window", "instant", "zone", "expected"),
    [
        # The window begins in the hour that the clocks jump over: it opens when they have jumped.
        (["02:30", "05:00"], at(2027, 3, 14, 5), "America/New_York", at(2027, 3, 14, 7)),
        # The whole window lies there: it opens the day after.
        (["02:15", "02:45"], at(2027, 3, 14, 5), "America/New_York", at(2027, 3, 15, 6, 15)),
        # The hour comes twice: so does the window.
        (["01:15", "01:45"], at(2027, 11, 7, 5, 50), "America/New_York", at(2027, 11, 7, 6, 15)),
        # The clocks go back into a window that had closed.
        (["00:30", "01:30"], at(2027, 11, 7, 5, 40), "America/New_York", at(2027, 11, 7, 6)),
        (["01:40", "02:00"], at(2027, 4, 3, 14, 59), "Australia/Lord_Howe", at(2027, 4, 3, 14, 59)),
    ],
)
def test_sending_hours_follow_the_clocks_across_a_change(window, instant, zone, expected):
    assert expected == SendingHours.from_setting({"every": window}).next_open(instant, zone)


@settings(max_examples=60, deadline=None)
@given(hours(), MOMENTS, ZONES)
def test_sending_hours_are_open_when_they_say_and_not_before(week, instant, zone):
    opening = week.next_open(instant, zone)

    assert opening >= instant
    assert week.is_open(opening, zone)
    minutes = int((opening - instant).total_seconds() // 60)
    assert not any(week.is_open(instant + timedelta(minutes=minute), zone) for minute in range(minutes))


@given(hours())
def test_sending_hours_are_read_back_as_they_were_written(week):
    assert week == SendingHours.from_setting(week.as_setting())


@pytest.mark.parametrize("setting", [None, {}])
def test_sending_hours_without_a_setting_never_close(setting):
    hours_ = SendingHours.from_setting(setting)

    assert hours_ == SendingHours.always()
    assert hours_.is_open(at(2027, 6, 13, 3), "Europe/Lisbon")


def test_sending_hours_close_days_that_are_not_named():
    hours_ = SendingHours.from_setting({"mon": [["10:00", "12:00"], ["14:00", "24:00"]]})

    assert [bool(windows) for windows in hours_.windows] == [name == "mon" for name in WEEKDAYS]
    assert hours_.is_open(at(2027, 6, 14, 22, 59), "Europe/Lisbon")
    assert not hours_.is_open(at(2027, 6, 14, 12), "Europe/Lisbon")


@pytest.mark.parametrize(
    "setting",
    [
        {"monday": ["09:00", "20:00"]},
        {"mon": ["20:00", "09:00"]},
        {"mon": ["09:00", "09:00"]},
        {"mon": ["9", "20"]},
        {"mon": ["09:00"]},
        {"mon": [["09:00", "25:00"]]},
        {"mon": "09:00"},
        {"mon": [9, 20]},
        {"mon": {}},
        {"mon": [[]]},
        {"mon": []},
        {"every": None},
        ["09:00", "20:00"],
    ],
)
def test_sending_hours_that_cannot_be_kept_are_refused(setting):
    with pytest.raises(CalendarError):
        SendingHours.from_setting(setting)
