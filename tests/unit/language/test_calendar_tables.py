"""Every kind of wait across everything that calendars and clocks do, with expected instants written out by hand.

The instants were computed from the laws, not with the code under test: each zone's offsets stand in `OFFSETS` with their
source, and a second, slower method (`by_table`) finds an instant by trying all of them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from journeys.language.business import BusinessCalendar
from journeys.language.calendar import SendingHours
from journeys.language.settings import Timing
from journeys.language.timing import AnchorMoment, Calendar, due_from_meant, due_of
from journeys.language.zones import local_instant, local_time

TIMING = TypeAdapter(Timing)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hours(east: float) -> timedelta:
    return timedelta(hours=east)


#: From this UTC instant on, this far east of UTC. Good for the years 2026 to 2028 unless the row says otherwise.
OFFSETS: dict[str, list[tuple[str, float]]] = {
    # Directive 2000/84/EC: last Sundays of March and October at 01:00 UTC.
    "Europe/Lisbon": [
        ("2025-10-26T01:00", 0),
        ("2026-03-29T01:00", 1),
        ("2026-10-25T01:00", 0),
        ("2027-03-28T01:00", 1),
        ("2027-10-31T01:00", 0),
        ("2028-03-26T01:00", 1),
        ("2028-10-29T01:00", 0),
    ],
    "Europe/Berlin": [
        ("2025-10-26T01:00", 1),
        ("2026-03-29T01:00", 2),
        ("2026-10-25T01:00", 1),
        ("2027-03-28T01:00", 2),
        ("2027-10-31T01:00", 1),
        ("2028-03-26T01:00", 2),
        ("2028-10-29T01:00", 1),
    ],
    # 15 U.S.C. 260a: second Sunday of March to first Sunday of November, at 02:00 local.
    "America/New_York": [
        ("2025-11-02T06:00", -5),
        ("2026-03-08T07:00", -4),
        ("2026-11-01T06:00", -5),
        ("2027-03-14T07:00", -4),
        ("2027-11-07T06:00", -5),
        ("2028-03-12T07:00", -4),
        ("2028-11-05T06:00", -5),
    ],
    # British Columbia: 8 March 2026 was the last change of the clocks (Ministry of Attorney General, 2 March 2026).
    "America/Vancouver": [("2025-11-02T09:00", -8), ("2026-03-08T10:00", -7)],
    # Alberta: Official Time Act 2026, clocks do not fall back on 1 November 2026.
    "America/Edmonton": [("2025-11-02T08:00", -7), ("2026-03-08T09:00", -6)],
    # Morocco: Ramadan break of 2026, and back to GMT for good on 20 September 2026.
    "Africa/Casablanca": [
        ("2025-04-06T02:00", 1),
        ("2026-02-15T02:00", 0),
        ("2026-03-22T02:00", 1),
        ("2026-09-20T01:00", 0),
    ],
    # Lord Howe Island: first Sundays of April and October at 02:00 local, by half an hour.
    "Australia/Lord_Howe": [
        ("2025-10-04T15:30", 11),
        ("2026-04-04T15:00", 10.5),
        ("2026-10-03T15:30", 11),
        ("2027-04-03T15:00", 10.5),
        ("2027-10-02T15:30", 11),
        ("2028-04-01T15:00", 10.5),
        ("2028-09-30T15:30", 11),
    ],
    # Chatham Islands: with New Zealand, at 02:45 standard time.
    "Pacific/Chatham": [
        ("2025-09-27T14:00", 13.75),
        ("2026-04-04T14:00", 12.75),
        ("2026-09-26T14:00", 13.75),
        ("2027-04-03T14:00", 12.75),
        ("2027-09-25T14:00", 13.75),
        ("2028-04-01T14:00", 12.75),
        ("2028-09-23T14:00", 13.75),
    ],
    "Pacific/Kiritimati": [("1995-01-01T10:00", 14)],
    "Pacific/Niue": [("1978-10-01T11:00", -11)],
    "Asia/Kathmandu": [("1986-01-01T00:00", 5.75)],
    # Samoa, International Date Line Act 2011: 29 December was followed by 31 December (only 2011).
    "Pacific/Apia": [("2011-09-24T14:00", -10), ("2011-12-30T10:00", 14)],
}
TODAY = [name for name in OFFSETS if name != "Pacific/Apia"]


def by_table(wall: datetime, zone: str) -> datetime:
    """Find the instant of a wall time by trying every offset the zone has had; a skipped one moves on by the gap."""
    rows = [(utc(start), hours(east)) for start, east in OFFSETS[zone]]
    found = []
    for number, (start, offset) in enumerate(rows):
        end = rows[number + 1][0] if number + 1 < len(rows) else datetime.max.replace(tzinfo=UTC)
        instant = (wall - offset).replace(tzinfo=UTC)
        if start <= instant < end:
            found.append(instant)
    if found:
        return min(found)
    # Nobody's clock showed it: as the clocks stood before the gap.
    before = max(
        (start, offset) for start, offset in rows if start <= (wall - offset).replace(tzinfo=UTC) + hours(24)
    )
    earlier = [row for row in rows if row[0] < before[0]]
    return (wall - (earlier[-1] if earlier else before)[1]).replace(tzinfo=UTC)


@given(
    zone=st.sampled_from(TODAY),
    wall=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2028, 12, 30)),  # noqa: DTZ001 a wall clock
)
def test_any_wall_time_is_the_instant_that_the_table_of_offsets_says(zone, wall):
    wall = wall.replace(fold=0)
    assert by_table(wall, zone) == local_instant(wall.date(), wall.time(), zone)


@pytest.mark.parametrize("zone", TODAY)
def test_every_quarter_hour_around_every_change_of_the_clocks(zone):
    for start, _ in OFFSETS[zone]:
        if not "2026" <= start < "2029":
            continue
        middle = utc(start).replace(tzinfo=None)
        for quarter in range(-4 * 16, 4 * 16):
            wall = middle + timedelta(minutes=15 * quarter) + hours(12)
            assert by_table(wall, zone) == local_instant(wall.date(), wall.time(), zone), (zone, wall)


def a_calendar(zone: str, *, day: str = "2027-06-12", at: str | None = None, region: str = "PT") -> Calendar:
    moment = AnchorMoment(date.fromisoformat(day), time.fromisoformat(at) if at else None, zone)
    return Calendar(
        {"wedding": moment},
        zone,
        "America/New_York",
        BusinessCalendar(region),
        SendingHours.from_setting(
            {"every": ["09:00", "18:00"], "sat": [["10:00", "12:00"], ["15:00", "17:00"]], "sun": []}
        ),
        facts={
            "variables": {"shoot": "2027-03-28", "call": "2027-10-31T01:30", "sent": "2027-06-01T10:00Z"},
            "client": {"fields": {"move_in": "29 February", "leap": "2028-02-29"}},
            "forms": {"answers": {"plan": {"rehearsal": "2027-11-06"}}},
        },
    )


def wait(length: str, at: str | None = None) -> dict[str, object]:
    return {"kind": "duration", "for": length, **({"at": at} if at else {})}


def anchor(offset: str, at: str | None = "09:00", zone: str = "wedding") -> dict[str, object]:
    return {"kind": "anchor", "offset": offset, "at": at, "zone": zone}


def fact(path: str, offset: str = "0d", at: str | None = "09:00", zone: str = "wedding") -> dict[str, object]:
    return {"kind": "fact", "path": path, "offset": offset, "at": at, "zone": zone}


WINDOW = {"kind": "window"}

#: Timing, zone of the wedding, when the step is reached (UTC), when it is due (UTC), and why.
WAITS = [
    # Minutes and hours are elapsed time, whatever the clocks do.
    (wait("90min"), "Europe/Lisbon", "2027-03-28T00:30", "2027-03-28T02:00", "over the spring gap"),
    (wait("90min"), "Europe/Lisbon", "2027-10-31T00:30", "2027-10-31T02:00", "over the autumn overlap"),
    (wait("24h"), "America/New_York", "2027-03-13T17:00", "2027-03-14T17:00", "a day of 23 hours"),
    (wait("24h"), "America/New_York", "2027-11-06T16:00", "2027-11-07T16:00", "a day of 25 hours"),
    (wait("2h"), "Australia/Lord_Howe", "2027-04-03T14:00", "2027-04-03T16:00", "half an hour back"),
    (wait("1min"), "Pacific/Kiritimati", "2027-12-31T09:59", "2027-12-31T10:00", "into the new year at +14"),
    (wait("12h", "09:00"), "Europe/Lisbon", "2027-06-01T10:00", "2027-06-02T08:00", "12 h on, then nine"),
    (wait("1h", "09:00"), "Europe/Lisbon", "2027-06-01T06:30", "2027-06-01T08:00", "nine is still ahead"),
    # Days, weeks and months keep the wall clock.
    (wait("1d"), "Europe/Lisbon", "2027-03-27T12:00", "2027-03-28T11:00", "noon to noon, 23 h"),
    (wait("1d"), "Europe/Lisbon", "2027-10-30T11:00", "2027-10-31T12:00", "noon to noon, 25 h"),
    (wait("1d"), "Europe/Berlin", "2027-03-27T01:30", "2027-03-28T01:30", "02:30 does not exist: 03:30"),
    (wait("1d"), "Europe/Berlin", "2027-10-30T00:30", "2027-10-31T00:30", "02:30 comes twice: the first"),
    (wait("1d"), "America/New_York", "2027-03-13T07:30", "2027-03-14T07:30", "02:30 does not exist: 03:30"),
    (
        wait("1d"),
        "Australia/Lord_Howe",
        "2027-10-01T15:45",
        "2027-10-02T15:45",
        "02:15 does not exist: 02:45",
    ),
    (
        wait("1d"),
        "Australia/Lord_Howe",
        "2027-04-02T14:45",
        "2027-04-03T14:45",
        "01:45 comes twice: the first",
    ),
    (wait("1d"), "Pacific/Chatham", "2027-09-24T14:30", "2027-09-25T14:30", "03:15 does not exist: 04:15"),
    (wait("1d"), "Pacific/Apia", "2011-12-29T22:00", "2011-12-30T22:00", "the day that Samoa left out"),
    (
        wait("2d"),
        "Pacific/Apia",
        "2011-12-29T22:00",
        "2011-12-30T22:00",
        "noon of the 31st, an hour count of 24",
    ),
    (wait("1d"), "Pacific/Kiritimati", "2027-12-30T20:00", "2027-12-31T20:00", "31 Dec to 1 Jan at +14"),
    (wait("1d"), "Pacific/Niue", "2028-01-01T10:59", "2028-01-02T10:59", "still 31 Dec at -11"),
    (wait("1d"), "Asia/Kathmandu", "2027-05-01T18:20", "2027-05-02T18:20", "00:05 at +5:45"),
    (wait("1d", "09:00"), "Europe/Lisbon", "2027-03-27T22:00", "2027-03-28T08:00", "nine in summer time"),
    (wait("2w"), "Europe/Lisbon", "2027-10-20T08:00", "2027-11-03T09:00", "nine to nine over the change"),
    (wait("1mo"), "Europe/Lisbon", "2027-01-31T10:00", "2027-02-28T10:00", "31 Jan to the last of Feb"),
    (wait("1mo"), "Europe/Lisbon", "2028-01-31T10:00", "2028-02-29T10:00", "the same in a leap year"),
    (wait("12mo"), "Europe/Lisbon", "2028-02-29T10:00", "2029-02-28T10:00", "a leap day's anniversary"),
    (wait("1d"), "Europe/Lisbon", "2028-02-28T10:00", "2028-02-29T10:00", "into the leap day"),
    (wait("1d"), "Europe/Lisbon", "2027-12-31T10:00", "2028-01-01T10:00", "over the year's end"),
    (wait("1mo 1d"), "Europe/Lisbon", "2027-01-31T10:00", "2027-03-01T10:00", "month first, then day"),
    (wait("30mo"), "Europe/Lisbon", "2026-01-15T10:00", "2028-07-15T09:00", "thirty months are ordinary"),
    # Clocks that stopped changing in 2026.
    (wait("1mo"), "America/Vancouver", "2026-10-15T16:00", "2026-11-15T16:00", "BC: 09:00 stays at -7"),
    (wait("1mo"), "America/Edmonton", "2026-10-15T15:00", "2026-11-15T15:00", "Alberta: 09:00 stays at -6"),
    (
        wait("1mo"),
        "Africa/Casablanca",
        "2026-09-01T08:00",
        "2026-10-01T09:00",
        "Morocco: 09:00 is at 0 again",
    ),
    (wait("1d"), "Africa/Casablanca", "2026-02-14T08:00", "2026-02-15T09:00", "Ramadan's break begins"),
    # Business days of Portugal: no weekends, no holidays; the wall clock stays.
    (wait("1bd"), "Europe/Lisbon", "2027-06-09T09:00", "2027-06-11T09:00", "Portugal Day lies between"),
    (
        wait("2bd"),
        "Europe/Lisbon",
        "2027-03-25T09:00",
        "2027-03-30T08:00",
        "Good Friday, weekend, summer time",
    ),
    (wait("1bd"), "Europe/Lisbon", "2027-12-24T10:00", "2027-12-27T10:00", "Christmas is a Saturday"),
    (wait("1bd"), "Europe/Lisbon", "2027-12-31T10:00", "2028-01-03T10:00", "New Year's weekend"),
    (
        wait("1bd", "08:30"),
        "Europe/Lisbon",
        "2027-10-04T10:00",
        "2027-10-06T07:30",
        "Republic Day lies between",
    ),
    (
        wait("1d 1bd"),
        "Europe/Lisbon",
        "2027-06-11T09:00",
        "2027-06-14T09:00",
        "to Saturday, then a working day",
    ),
    # Fixed days.
    (
        {"kind": "date", "date": "2027-03-28", "at": "01:30"},
        "Europe/Lisbon",
        "",
        "2027-03-28T01:30",
        "the gap",
    ),
    ({"kind": "date", "date": "2027-10-31", "at": "01:30"}, "Europe/Lisbon", "", "2027-10-31T00:30", "first"),
    ({"kind": "date", "date": "2028-02-29", "at": "09:00"}, "Pacific/Niue", "", "2028-02-29T20:00", "leap"),
    (
        {"kind": "date", "date": "2027-07-04", "at": "09:00", "zone": "vendor"},
        "Europe/Lisbon",
        "",
        "2027-07-04T13:00",
        "the vendor's clock in New York",
    ),
    # Before and after the wedding on Saturday 12 June 2027.
    (anchor("-30d"), "Europe/Lisbon", "", "2027-05-13T08:00", "in summer time"),
    (anchor("-6mo"), "Europe/Lisbon", "", "2026-12-12T09:00", "in winter time"),
    (anchor("-1d"), "Pacific/Kiritimati", "", "2027-06-10T19:00", "09:00 there is the day before in UTC"),
    (anchor("1d"), "Pacific/Niue", "", "2027-06-13T20:00", "09:00 there is the evening in UTC"),
    (anchor("-1d", "09:00", "vendor"), "Pacific/Kiritimati", "", "2027-06-11T13:00", "the vendor's nine"),
    (anchor("-2bd"), "Europe/Lisbon", "", "2027-06-09T08:00", "Thursday is Portugal Day"),
    (anchor("-12mo"), "Europe/Lisbon", "", "2026-06-12T08:00", "a year before"),
    (anchor("12mo"), "Europe/Lisbon", "", "2028-06-12T08:00", "the anniversary"),
    (anchor("-1h", None), "Europe/Lisbon", "", "2027-06-12T07:00", "an hour before nine"),
    # Until the next window: 09:00 to 18:00, on Saturdays 10 to 12 and 15 to 17, never on Sundays.
    (WINDOW, "Europe/Lisbon", "2027-06-01T10:00", "2027-06-01T10:00", "open: at once"),
    (WINDOW, "Europe/Lisbon", "2027-06-01T17:00", "2027-06-02T08:00", "closed at 18:00 sharp"),
    (WINDOW, "Europe/Lisbon", "2027-06-05T11:30", "2027-06-05T14:00", "Saturday's break"),
    (WINDOW, "Europe/Lisbon", "2027-03-27T17:30", "2027-03-29T08:00", "over Sunday and the change"),
    (WINDOW, "Europe/Lisbon", "2027-10-30T16:00", "2027-11-01T09:00", "over Sunday and the change back"),
    (WINDOW, "Pacific/Kiritimati", "2027-06-04T04:30", "2027-06-04T20:00", "Friday evening there"),
    (WINDOW, "Pacific/Niue", "2027-12-31T05:30", "2027-12-31T20:00", "New Year's Eve there"),
    (WINDOW, "Asia/Kathmandu", "2027-06-01T03:00", "2027-06-01T03:15", "09:00 at +5:45"),
    # Dates in the couple's own data.
    (fact("variables.shoot"), "Europe/Lisbon", "", "2027-03-28T08:00", "a day, at nine"),
    (
        fact("variables.shoot", "-2d", None),
        "Europe/Lisbon",
        "",
        "2027-03-26T09:00",
        "nine where none is said",
    ),
    (fact("variables.call", "0d", None), "Europe/Lisbon", "", "2027-10-31T00:30", "an hour that comes twice"),
    (fact("variables.sent", "0d", None), "Europe/Lisbon", "", "2027-06-01T10:00", "an instant with its zone"),
    (fact("variables.sent", "1d", None), "Pacific/Kiritimati", "", "2027-06-02T10:00", "a midnight at +14"),
    (fact("client.fields.leap", "12mo"), "Europe/Lisbon", "", "2029-02-28T09:00", "a leap day's anniversary"),
    (fact("forms.answers.plan.rehearsal", "1d"), "America/New_York", "", "2027-11-07T14:00", "back to -5"),
    (fact("forms.answers.plan.rehearsal", "-1bd"), "Europe/Lisbon", "", "2027-11-05T09:00", "a Friday"),
]


@pytest.mark.parametrize(("when", "zone", "reached", "due", "why"), WAITS, ids=[row[4] for row in WAITS])
def test_every_kind_of_wait_ends_when_the_table_says(when, zone, reached, due, why):
    calendar = a_calendar(zone)
    timing = TIMING.validate_python(when)
    began = utc(reached or "2026-01-01T00:00")

    found = due_of(timing, calendar=calendar, reached=began)

    assert utc(due) == found.instant
    assert found == due_from_meant(found.meant, calendar=calendar)


#: Weddings on awkward days: offset from it, expected.
AWKWARD_DAYS = [
    ("2028-02-29", "Europe/Lisbon", "-12mo", "2027-02-28T09:00"),
    ("2028-02-29", "Europe/Lisbon", "12mo", "2029-02-28T09:00"),
    ("2028-02-29", "Europe/Lisbon", "-1mo", "2028-01-29T09:00"),
    ("2028-02-29", "Europe/Lisbon", "1d", "2028-03-01T09:00"),
    ("2027-12-31", "Europe/Lisbon", "1d", "2028-01-01T09:00"),
    ("2027-01-01", "Europe/Lisbon", "-1d", "2026-12-31T09:00"),
    ("2027-03-31", "Europe/Lisbon", "-1mo", "2027-02-28T09:00"),
    ("2027-08-31", "Europe/Lisbon", "-6mo", "2027-02-28T09:00"),
    ("2027-03-28", "Europe/Lisbon", "0d", "2027-03-28T08:00"),
    ("2027-10-31", "Europe/Lisbon", "0d", "2027-10-31T09:00"),
    ("2027-01-01", "Pacific/Kiritimati", "-1d", "2026-12-30T19:00"),
    ("2026-12-31", "Pacific/Niue", "1d", "2027-01-01T20:00"),
    ("2026-11-14", "America/Edmonton", "-1mo", "2026-10-14T15:00"),
    ("2026-11-14", "America/Edmonton", "0d", "2026-11-14T15:00"),
    ("2026-11-14", "America/Vancouver", "7d", "2026-11-21T16:00"),
    ("2026-10-10", "Africa/Casablanca", "-30d", "2026-09-10T08:00"),
    ("2026-10-10", "Africa/Casablanca", "0d", "2026-10-10T09:00"),
    ("2011-12-31", "Pacific/Apia", "-1d", "2011-12-30T19:00"),
    ("2011-12-31", "Pacific/Apia", "-2d", "2011-12-29T19:00"),
]


@pytest.mark.parametrize(("day", "zone", "offset", "due"), AWKWARD_DAYS)
def test_steps_around_weddings_on_awkward_days(day, zone, offset, due):
    calendar = a_calendar(zone, day=day)

    found = due_of(TIMING.validate_python(anchor(offset)), calendar=calendar, reached=utc("2010-01-01T00:00"))

    assert utc(due) == found.instant


#: Region, from, count, expected: counted on the printed calendars of 2027.
BUSINESS_DAYS = [
    ("", "2027-06-11", 1, "2027-06-14"),
    ("PT", "2027-03-25", 1, "2027-03-29"),
    ("PT", "2027-05-26", 1, "2027-05-28"),
    ("US", "2027-07-02", 1, "2027-07-06"),
    ("US", "2027-12-23", 1, "2027-12-27"),
    ("US-CA", "2027-11-24", 1, "2027-11-29"),
    ("US", "2027-11-24", 1, "2027-11-26"),
    ("DE-BY", "2027-03-25", 1, "2027-03-30"),
    ("DE-BY", "2027-01-05", 1, "2027-01-07"),
    ("DE", "2027-01-05", 1, "2027-01-06"),
    ("PT", "2027-06-14", -2, "2027-06-09"),
    ("PT", "2027-06-13", -1, "2027-06-11"),
    ("PT", "2027-06-12", 0, "2027-06-12"),
]


@pytest.mark.parametrize(("region", "start", "count", "expected"), BUSINESS_DAYS)
def test_business_days_of_each_region(region, start, count, expected):
    moved = BusinessCalendar(region).add_business_days(date.fromisoformat(start), count)

    assert date.fromisoformat(expected) == moved


@pytest.mark.parametrize("length", ["30mo", "40mo 480mo", "2080w", "14610d", "350640h", "21038400min"])
def test_no_wait_has_a_ceiling(length):
    calendar = a_calendar("Europe/Lisbon")
    began = utc("2027-01-15T10:00")

    due = due_of(TIMING.validate_python(wait(length)), calendar=calendar, reached=began)

    assert due.instant is not None
    assert due.instant - began > timedelta(days=900)
    assert due == due_from_meant(due.meant, calendar=calendar)


def test_forty_years_ahead_is_a_day_like_any_other():
    calendar = a_calendar("Europe/Lisbon")

    due = due_of(TIMING.validate_python(wait("480mo")), calendar=calendar, reached=utc("2027-01-15T10:00"))

    assert utc("2067-01-15T10:00") == due.instant


@given(
    zone=st.sampled_from(TODAY),
    reached=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2028, 6, 1)),  # noqa: DTZ001 made UTC below
    days=st.integers(1, 180),
)
def test_a_wait_in_days_shows_the_same_wall_clock_unless_it_does_not_exist(zone, reached, days):
    began = reached.replace(tzinfo=UTC)
    wall = local_time(began, zone)
    later = datetime.combine(wall.date() + timedelta(days=days), wall.time())

    due = due_of(TIMING.validate_python(wait(f"{days}d")), calendar=a_calendar(zone), reached=began).instant

    assert max(by_table(later, zone), began) == due
