"""When a step is due."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from journeys.language.business import BusinessCalendar
from journeys.language.errors import CalendarError
from journeys.language.settings import AnchorTiming, DateTiming, DurationTiming, LateRule, Timing
from journeys.language.timing import (
    AnchorMoment,
    Calendar,
    anchor_of,
    due_from_meant,
    due_of,
    lateness,
)
from journeys.language.zones import local_time
from tests.unit.language.world import NOW, a_calendar

TIMING = TypeAdapter(Timing)
ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Europe/Lisbon"]


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def anchored(offset: str, time_: str | None = "09:00", **more) -> AnchorTiming:
    return AnchorTiming(offset=offset, at=time_, **more)


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        # The wedding is on 12 June 2027 at 15:00 in Lisbon (UTC+1 in summer, UTC in winter).
        (anchored("-30d"), at(2027, 5, 13, 8)),
        (anchored("-6mo"), at(2026, 12, 12, 9)),
        (anchored("0d"), at(2027, 6, 12, 8)),
        (anchored("0d", None), at(2027, 6, 12, 14)),
        (anchored("-2h", None), at(2027, 6, 12, 12)),
        (anchored("1d"), at(2027, 6, 13, 8)),
        (anchored("-1d", zone="vendor"), at(2027, 6, 11, 13)),
        # Thursday 10 June and Saturday are free in Portugal.
        (anchored("-3bd"), at(2027, 6, 8, 8)),
        (anchored("1bd"), at(2027, 6, 14, 8)),
        (DateTiming(date=date(2027, 1, 2)), at(2027, 1, 2, 9)),
        (DateTiming(date=date(2027, 7, 2), at="18:30", zone="vendor"), at(2027, 7, 2, 22, 30)),
        (None, at(2026, 11, 22, 10)),
    ],
)
def test_step_is_due_where_its_timing_says(timing, expected):
    assert expected == due_of(timing, calendar=a_calendar(), reached=NOW).instant


@pytest.mark.parametrize(
    ("length", "time_", "reached", "expected"),
    [
        ("2h", None, at(2027, 6, 1, 10), at(2027, 6, 1, 12)),
        ("3d", None, at(2027, 6, 1, 10, 30, 5), at(2027, 6, 4, 10, 30, 5)),
        ("3d", "09:00", at(2027, 6, 1, 10), at(2027, 6, 4, 8)),
        ("2h", "09:00", at(2027, 6, 1, 10), at(2027, 6, 2, 8)),
        ("1min", "11:00", at(2027, 6, 1, 10), at(2027, 6, 2, 10)),
        ("2bd", None, at(2027, 6, 9, 10), at(2027, 6, 14, 10)),
        ("1mo", None, at(2027, 1, 31, 10), at(2027, 2, 28, 10)),
        # Over the change to summer time (28 March, 01:00): the wall clock stays, elapsed hours do not jump.
        ("1d", None, at(2027, 3, 27, 12), at(2027, 3, 28, 11)),
        ("24h", None, at(2027, 3, 27, 12), at(2027, 3, 28, 12)),
        ("1d 1h", None, at(2027, 3, 27, 0, 30), at(2027, 3, 28, 1, 30)),
        # In the hour that comes twice, two hours are two hours.
        ("2h", None, at(2027, 10, 31, 1, 30), at(2027, 10, 31, 3, 30)),
    ],
)
def test_wait_is_counted_from_the_moment_the_step_is_reached(length, time_, reached, expected):
    timing = DurationTiming(for_=length, at=time_)

    assert expected == due_of(timing, calendar=a_calendar(), reached=reached).instant


def test_anchor_without_a_time_of_its_own_counts_from_nine():
    calendar = Calendar(
        {"shoot": AnchorMoment(date(2027, 3, 1), None, "Europe/Berlin")}, "Europe/Lisbon", "UTC"
    )

    due = due_of(AnchorTiming(anchor="shoot", offset="-1d"), calendar=calendar, reached=NOW)

    assert at(2027, 2, 28, 9) == due.instant


def test_anchor_with_a_time_of_its_own_keeps_its_own_zone():
    calendar = Calendar(
        {"shoot": AnchorMoment(date(2027, 3, 1), time(17), "Europe/Berlin")}, "Europe/Lisbon", "UTC"
    )

    due = due_of(AnchorTiming(anchor="shoot", offset="-1d"), calendar=calendar, reached=NOW)

    assert at(2027, 2, 28, 16) == due.instant


def test_missing_date_gives_no_instant_and_says_why():
    due = due_of(AnchorTiming(anchor="gallery", offset="-1d"), calendar=a_calendar(), reached=NOW)

    assert due.instant is None
    assert due.missing == "Waits until the date of the gallery is known."
    assert anchor_of(due.meant) == "gallery"


def test_wedding_that_moves_takes_its_steps_along():
    due = due_of(anchored("-30d"), calendar=a_calendar(), reached=NOW)

    moved = due_from_meant(due.meant, calendar=a_calendar(date(2027, 11, 20), "America/New_York"))

    assert at(2027, 10, 21, 13) == moved.instant
    assert due.meant == moved.meant


def test_date_that_comes_back_gives_the_instant_back():
    calendar = a_calendar()
    nowhere = Calendar({}, calendar.wedding_zone, calendar.vendor_zone)
    due = due_of(anchored("-30d"), calendar=nowhere, reached=NOW)

    assert due.instant is None
    assert at(2027, 5, 13, 8) == due_from_meant(due.meant, calendar=calendar).instant


@pytest.mark.parametrize(
    "meant",
    [
        {},
        {"kind": "duration", "for": "3d"},
        {"kind": "duration", "for": "3d", "reached": "yesterday"},
        {"kind": "anchor", "offset": "soon"},
        {"kind": "later"},
    ],
)
def test_meaning_that_cannot_be_read_is_an_error(meant):
    with pytest.raises(CalendarError):
        due_from_meant(meant, calendar=a_calendar())


@st.composite
def timings(draw):
    at_ = draw(st.none() | st.times().map(lambda t: t.strftime("%H:%M")))
    kind = draw(st.sampled_from(["duration", "date", "anchor"]))
    sign = "" if kind == "duration" else draw(st.sampled_from(["", "-"]))
    unit = draw(st.sampled_from(["min", "h", "d", "w", "mo", "bd"]))
    offset = f"{sign}{draw(st.integers(1, 60))}{unit}"
    if kind == "duration":
        return DurationTiming(for_=offset, at=at_)
    zone = draw(st.sampled_from(["wedding", "vendor"]))
    if kind == "date":
        return DateTiming(
            date=draw(st.dates(date(2024, 1, 1), date(2035, 1, 1))), at=at_ or "09:00", zone=zone
        )
    return AnchorTiming(offset=offset, at=at_, zone=zone)


CALENDARS = st.builds(
    lambda day, clock, zone, vendor, region: Calendar(
        {"wedding": AnchorMoment(day, clock, zone)}, zone, vendor, BusinessCalendar(region)
    ),
    st.dates(date(2024, 1, 1), date(2035, 12, 31)),
    st.none() | st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.sampled_from(ZONES),
    st.sampled_from(ZONES),
    st.sampled_from(["", "US-CA", "DE-BY"]),
)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 # bounds


@given(timings(), CALENDARS, MOMENTS)
def test_due_is_the_same_when_computed_again_from_what_was_stored(timing, calendar, reached):
    due = due_of(timing, calendar=calendar, reached=reached)

    stored = json.loads(json.dumps(due.meant))

    assert due == due_from_meant(stored, calendar=calendar)


@given(timings(), CALENDARS, MOMENTS)
def test_timing_is_read_back_as_it_was_written(timing, calendar, reached):
    assert timing == TIMING.validate_json(TIMING.dump_json(timing, by_alias=True))


@given(timings(), CALENDARS, MOMENTS)
def test_due_shows_the_time_that_was_asked_for(timing, calendar, reached):
    due = due_of(timing, calendar=calendar, reached=reached)

    if isinstance(timing, DurationTiming):
        assert due.instant > reached
    elif timing.at and not (isinstance(timing, AnchorTiming) and timing.offset.endswith(("h", "min"))):
        shown = local_time(due.instant, calendar.zone(timing.zone)).strftime("%H:%M")
        asked = datetime.strptime(timing.at, "%H:%M").replace(tzinfo=UTC)
        forward = {asked, asked + timedelta(minutes=30), asked + timedelta(hours=1)}
        assert shown in {moment.strftime("%H:%M") for moment in forward}


STEP = due_of(anchored("-30d"), calendar=a_calendar(), reached=NOW)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("rule", "late_by", "expected"),
    [
        (None, timedelta(minutes=10), "on_time"),
        (None, -DAY, "on_time"),
        (None, 1 * DAY, "late_send"),
        (None, 2 * DAY, "late_send"),
        (None, 3 * DAY, "skip"),
        (LateRule(rule="skip"), timedelta(minutes=10), "on_time"),
        (LateRule(rule="skip"), timedelta(hours=1), "skip"),
        (LateRule(rule="ask"), timedelta(hours=1), "ask"),
        (LateRule(rule="ask"), 90 * DAY, "ask"),
        (LateRule(rule="send"), 90 * DAY, "late_send"),
        (LateRule(rule="within", hours=5), timedelta(hours=5), "late_send"),
        (LateRule(rule="within", hours=5), timedelta(hours=5, seconds=1), "skip"),
        # 29 days late is a day before the wedding, 31 days late is after it.
        (LateRule(rule="within", hours=24 * 60), 29 * DAY, "late_send"),
        (LateRule(rule="within", hours=24 * 60), 31 * DAY, "skip"),
    ],
)
def test_late_step_follows_its_rule(rule, late_by, expected):
    now = STEP.instant + late_by

    assert expected == lateness(rule, STEP.meant, instant=STEP.instant, now=now, calendar=a_calendar())


def test_wait_is_never_late():
    due = due_of(DurationTiming(for_="3d"), calendar=a_calendar(), reached=NOW)

    verdict = lateness(
        LateRule(rule="skip"),
        due.meant,
        instant=due.instant,
        now=due.instant + 90 * DAY,
        calendar=a_calendar(),
    )

    assert "on_time" == verdict
    assert "on_time" == lateness(None, None, instant=NOW, now=NOW + DAY, calendar=a_calendar())


def test_step_after_its_date_may_come_late():
    due = due_of(anchored("1d"), calendar=a_calendar(), reached=NOW)

    assert "late_send" == lateness(
        None, due.meant, instant=due.instant, now=due.instant + DAY, calendar=a_calendar()
    )


def test_dated_step_is_judged_by_hours_alone():
    due = due_of(DateTiming(date=date(2027, 6, 11)), calendar=a_calendar(), reached=NOW)

    late = [
        lateness(None, due.meant, instant=due.instant, now=due.instant + n * DAY, calendar=a_calendar())
        for n in (2, 3)
    ]

    assert ["late_send", "skip"] == late


@pytest.mark.parametrize(("offset", "hours", "expected"), [("-1d", 25, "skip"), ("0d", 5, "late_send")])
def test_date_without_a_time_counts_from_nine_but_its_own_day_is_not_before_it(offset, hours, expected):
    calendar = Calendar(
        {"wedding": AnchorMoment(date(2027, 6, 12), None, "Europe/Lisbon")}, "Europe/Lisbon", "UTC"
    )
    due = due_of(anchored(offset, "08:30"), calendar=calendar, reached=NOW)

    verdict = lateness(
        None, due.meant, instant=due.instant, now=due.instant + timedelta(hours=hours), calendar=calendar
    )

    assert expected == verdict


def test_step_whose_date_is_gone_is_not_sent():
    nowhere = Calendar({}, "Europe/Lisbon", "UTC")

    assert "skip" == lateness(
        None, STEP.meant, instant=STEP.instant, now=STEP.instant + DAY, calendar=nowhere
    )
