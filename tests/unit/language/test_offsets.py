"""Calendar distances."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.language.business import BusinessCalendar
from journeys.language.errors import OffsetError
from journeys.language.offsets import Offset, UnknownParameterError, add_months

EVERY_DAY = st.dates(date(1990, 1, 1), date(2090, 12, 31))
PLAIN = BusinessCalendar()
OFFSETS = st.builds(
    Offset,
    months=st.integers(-400, 400),
    days=st.integers(-4000, 4000),
    business_days=st.integers(-300, 300),
    minutes=st.integers(-100_000, 100_000),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-30d", Offset(days=-30)),
        ("2w", Offset(days=14)),
        ("-12mo", Offset(months=-12)),
        ("-3bd", Offset(business_days=-3)),
        ("1d 2h", Offset(days=1, minutes=120)),
        ("+1d -2h", Offset(days=1, minutes=-120)),
        ("90min", Offset(minutes=90)),
        (" - 7 d ", Offset(days=-7)),
        ("1mo1d", Offset(months=1, days=1)),
        ("1d 1d", Offset(days=2)),
        ("0d", Offset()),
        ("3d -3d", Offset()),
    ],
)
def test_offset_reads_a_sum_of_terms(text, expected):
    assert expected == Offset.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "d",
        "3",
        "3x",
        "three days",
        "3days",
        "1.5d",
        "3d,",
        "--3d",
        "9999999999d",
        "3D",
        "$",
        "1d" * 120,
    ],
)
def test_offset_says_how_to_write_it_when_it_cannot_be_read(text):
    with pytest.raises(OffsetError, match="Write a sum of terms|There is no parameter"):
        Offset.parse(text)


@pytest.mark.parametrize("text", ["200000d", "999999mo", "20000bd", "999999999min 999999999h"])
def test_offset_beyond_the_calendar_is_refused_not_cut(text):
    with pytest.raises(OffsetError, match="longer than the calendar"):
        Offset.parse(text)


@given(OFFSETS)
def test_offset_is_read_back_as_it_was_written(offset):
    assert offset == Offset.parse(str(offset))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$final", Offset(days=-60)),
        ("$final -7d", Offset(days=-67)),
        ("-$final", Offset(days=60)),
        ("1d + $final + $late", Offset(months=1, days=-59)),
    ],
)
def test_offset_takes_parameters_by_name(text, expected):
    assert expected == Offset.parse(text, parameters={"final": "-60d", "late": "1mo"})


def test_offset_names_the_parameter_that_is_missing():
    with pytest.raises(UnknownParameterError, match="'nothing'"):
        Offset.parse("$nothing -1d", parameters={})


@pytest.mark.parametrize("value", [3, None, "x", "$final", ""])
def test_offset_refuses_a_parameter_that_is_no_offset(value):
    with pytest.raises(OffsetError):
        Offset.parse("$final", parameters={"final": value})


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2027, 1, 31), 1, date(2027, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2028, 2, 29), -48, date(2024, 2, 29)),
        (date(2028, 3, 31), -1, date(2028, 2, 29)),
        (date(2027, 12, 31), 1, date(2028, 1, 31)),
        (date(2027, 1, 1), -1, date(2026, 12, 1)),
        (date(2027, 8, 31), -6, date(2027, 2, 28)),
        (date(2100, 1, 29), 1, date(2100, 2, 28)),
        (date(2000, 1, 29), 1, date(2000, 2, 29)),
    ],
)
def test_months_end_on_the_last_day_where_the_day_is_missing(day, months, expected):
    assert expected == add_months(day, months)


@given(EVERY_DAY, st.integers(-600, 600))
def test_months_lead_there_and_back_for_days_every_month_has(day, months):
    day = day.replace(day=min(day.day, 28))

    assert day == add_months(add_months(day, months), -months)


@given(EVERY_DAY, st.integers(-600, 600))
def test_months_never_leave_the_month_they_lead_to(day, months):
    moved = add_months(day, months)

    assert moved.year * 12 + moved.month == day.year * 12 + day.month + months
    assert moved.day <= day.day


@given(EVERY_DAY, st.integers(-4000, 4000))
def test_days_lead_there_and_back(day, days):
    offset = Offset(days=days)

    assert day == (-offset).add_to_date(offset.add_to_date(day, business=PLAIN), business=PLAIN)


@pytest.mark.parametrize("months", [12 * 300, -12 * 390])
def test_offset_that_leaves_the_calendar_is_an_error_not_a_crash(months):
    day = date(9990, 1, 1) if months > 0 else date(20, 1, 1)

    with pytest.raises(OffsetError, match="leaves the calendar"):
        Offset(months=months).add_to_date(day, business=PLAIN)
    with pytest.raises(OffsetError, match="leaves the calendar"):
        Offset(days=months * 30).add_to_date(day, business=PLAIN)


def test_offset_adds_months_before_days_before_business_days():
    offset = Offset.parse("1mo 1d 1bd")

    # 31 Jan → 28 Feb → Mon 1 Mar → Tue 2 Mar
    assert date(2027, 3, 2) == offset.add_to_date(date(2027, 1, 31), business=PLAIN)


@given(EVERY_DAY, OFFSETS)
def test_offset_is_never_shorter_than_it_says(day, offset):
    moved = offset.add_to_date(day, business=PLAIN)

    assert moved - day + timedelta(minutes=offset.minutes) >= offset.shortest


def test_offset_has_a_rough_length_for_ordering():
    assert Offset.parse("1mo").total > Offset.parse("30d").total > Offset.parse("20bd").total
