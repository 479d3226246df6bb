"""Business days."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.language.business import BusinessCalendar
from journeys.language.errors import CalendarError

DAYS = st.dates(date(2020, 1, 1), date(2040, 12, 31))
REGIONS = st.sampled_from(["", "US-CA", "DE-BY", "PT", "GB-ENG", "AE"])


@pytest.mark.parametrize(
    ("region", "day", "expected"),
    [
        ("", date(2027, 1, 1), True),
        ("", date(2027, 1, 2), False),
        ("PT", date(2027, 1, 1), False),
        ("PT", date(2027, 6, 10), False),
        ("US-CA", date(2027, 7, 5), False),
        ("US-CA", date(2027, 3, 31), False),
        ("US-NY", date(2027, 3, 31), True),
        ("DE-BY", date(2027, 1, 6), False),
        ("DE-BE", date(2027, 1, 6), True),
        ("AE", date(2027, 1, 8), True),
    ],
)
def test_business_day_knows_weekends_and_the_holidays_of_the_region(region, day, expected):
    assert expected is BusinessCalendar(region).is_business_day(day)


@pytest.mark.parametrize(
    ("region", "day", "count", "expected"),
    [
        ("", date(2027, 6, 11), 1, date(2027, 6, 14)),
        ("", date(2027, 6, 12), 1, date(2027, 6, 14)),
        ("", date(2027, 6, 12), -1, date(2027, 6, 11)),
        ("", date(2027, 6, 12), 0, date(2027, 6, 12)),
        ("PT", date(2027, 6, 9), 1, date(2027, 6, 11)),
        ("US", date(2027, 12, 31), 1, date(2028, 1, 3)),
        ("DE-BY", date(2027, 12, 23), 2, date(2027, 12, 27)),
        ("", date(2028, 2, 28), 1, date(2028, 2, 29)),
    ],
)
def test_business_days_are_counted_past_what_is_free(region, day, count, expected):
    assert expected == BusinessCalendar(region).add_business_days(day, count)


@given(DAYS, st.integers(-250, 250).filter(bool), REGIONS)
def test_business_days_lead_to_a_business_day(day, count, region):
    calendar = BusinessCalendar(region)

    moved = calendar.add_business_days(day, count)

    assert calendar.is_business_day(moved)
    assert (moved > day) is (count > 0)


@given(DAYS, st.integers(-250, 250), REGIONS)
def test_business_days_lead_there_and_back_from_a_business_day(day, count, region):
    calendar = BusinessCalendar(region)
    start = calendar.add_business_days(day, 1)

    assert start == calendar.add_business_days(calendar.add_business_days(start, count), -count)


@pytest.mark.parametrize("region", ["XX", "US-ZZ", "nowhere", "-CA"])
def test_region_that_nobody_knows_is_named(region):
    with pytest.raises(CalendarError, match="are not known"):
        BusinessCalendar(region)


def test_region_is_read_in_any_case():
    assert "US-CA" == BusinessCalendar(" us-ca ").region


def test_holiday_has_a_name():
    assert "Thanksgiving Day" == BusinessCalendar("US").holiday_name(date(2027, 11, 25))
    assert BusinessCalendar("US").holiday_name(date(2027, 11, 24)) is None
    assert BusinessCalendar().holiday_name(date(2027, 12, 25)) is None


def test_business_days_beyond_the_calendar_are_an_error_not_a_crash():
    with pytest.raises(CalendarError, match="leave the calendar"):
        BusinessCalendar().add_business_days(date.max, 1)


def test_calendar_shows_its_region():
    assert "BusinessCalendar('PT')" == repr(BusinessCalendar("pt"))
