"""Whether a late step is done, as one table; and what counts as a date in a couple's data."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.language.fact_dates import date_in
from journeys.language.settings import LateRule
from journeys.language.timing import AnchorMoment, Calendar, is_dated, judged

WEDDING = Calendar(
    {"wedding": AnchorMoment(date(2027, 6, 12), time(15), "Europe/Lisbon")}, "Europe/Lisbon", "UTC"
)
#: 30 days before the day, at 09:00 there.
MEANT = {"kind": "anchor", "anchor": "wedding", "offset": "-30d", "at": "09:00", "zone": "wedding"}
AFTER = {**MEANT, "offset": "1d"}
DUE = datetime(2027, 5, 13, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RULES = {
    "": None,
    "send": LateRule(rule="send"),
    "skip": LateRule(rule="skip"),
    "ask": LateRule(rule="ask"),
    "2 h": LateRule(rule="within", hours=2),
}

#: Rule, how late, how long it was put off, what a person decided, verdict.
TABLE = [
    ("", timedelta(minutes=10), None, None, "on_time"),
    ("", 3 * HOUR, None, None, "late_send"),
    ("", 3 * DAY, None, None, "skip"),
    ("2 h", HOUR, None, None, "late_send"),
    ("2 h", 3 * HOUR, None, None, "skip"),
    ("send", 20 * DAY, None, None, "late_send"),
    ("skip", HOUR, None, None, "skip"),
    ("ask", HOUR, None, None, "ask"),
    # Put off by sending hours until just now: that is not lateness.
    ("skip", 20 * HOUR, 20 * HOUR, None, "on_time"),
    ("2 h", 3 * DAY, 3 * DAY, None, "on_time"),
    # … but not behind the wedding, unless it says so.
    ("2 h", 31 * DAY, 31 * DAY, None, "skip"),
    ("ask", 31 * DAY, 31 * DAY, None, "skip"),
    ("send", 31 * DAY, 31 * DAY, None, "on_time"),
    # What a person decided stands above the rule, also within the first minutes and behind the day.
    ("skip", HOUR, None, "send", "late_send"),
    ("", timedelta(minutes=10), None, "send", "on_time"),
    ("", timedelta(minutes=10), None, "skip", "skip"),
    ("send", HOUR, None, "skip", "skip"),
    ("send", HOUR, None, "ask", "ask"),
    ("skip", 31 * DAY, None, "send", "late_send"),
]


@pytest.mark.parametrize(("rule", "late", "put_off", "decided", "verdict"), TABLE)
def test_late_step_is_judged_as_the_table_says(rule, late, put_off, decided, verdict):
    found = judged(
        RULES[rule],
        MEANT,
        instant=DUE,
        due_at=DUE + (put_off or timedelta()),
        now=DUE + late,
        calendar=WEDDING,
        decided=decided,
    )

    assert verdict == found


@pytest.mark.parametrize("kind", ["duration", "window"])
def test_what_is_counted_from_being_reached_is_never_late(kind):
    meant = {"kind": kind, "for": "1d", "reached": DUE.isoformat()}

    assert not is_dated(meant)
    assert "on_time" == judged(
        RULES["skip"], meant, instant=DUE, due_at=DUE, now=DUE + 90 * DAY, calendar=WEDDING, decided="skip"
    )


def test_date_in_the_couples_data_is_not_done_behind_it_either():
    meant = {"kind": "fact", "path": "client.fields.move", "offset": "-2d", "at": "09:00", "zone": "wedding"}
    meant["value"] = "2027-05-15"
    given = {"instant": DUE, "now": DUE + 3 * DAY, "calendar": WEDDING, "due_at": DUE}

    assert "skip" == judged(LateRule(rule="within", hours=200), meant, **given)
    assert "late_send" == judged(LateRule(rule="send"), meant, **given)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2027-05-01", "2027-05-01"),
        (" 2027-05-01 ", "2027-05-01"),
        ("2027-05-01T15:30", "2027-05-01T15:30:00"),
        ("2027-05-01 15:30", "2027-05-01T15:30:00"),
        ("2027-05-01T15:30:00+02:00", "2027-05-01T15:30:00+02:00"),
        (date(2027, 5, 1), "2027-05-01"),
        ("2027-02-29", None),
        ("1.5.2027", None),
        ("20270501", None),
        ("2027-05-01 or so", None),
        ("", None),
        (None, None),
        (True, None),
        (20270501, None),
        ({"date": "2027-05-01"}, None),
    ],
)
def test_only_a_date_that_is_written_out_is_one(value, expected):
    assert expected == date_in({"client": {"fields": {"x": value}}}, "client.fields.x")


@given(st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner)))
def test_any_data_gives_a_date_or_none(data):
    found = date_in({"client": data}, "client.fields.x")

    assert found is None or date.fromisoformat(found[:10])
