"""Days from which a journey's day follows are never missed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.services.date_search import days_before
from journeys.language.calendar import BusinessCalendar
from journeys.language.errors import CalendarError, OffsetError
from journeys.language.offsets import Offset

REGIONS = ("", "PT", "US-CA", "DE-BY", "CN", "JP")

offsets = st.builds(
    Offset,
    months=st.integers(-30, 30),
    days=st.integers(-800, 800),
    business_days=st.integers(-40, 40),
)


@example(day=date(2026, 1, 31), offset=Offset(months=1), before=0, behind=0, region="")
@example(day=date(2026, 3, 31), offset=Offset(months=-1), before=0, behind=0, region="")
@given(
    day=st.dates(date(2024, 1, 1), date(2031, 12, 31)),
    offset=offsets,
    before=st.integers(0, 3),
    behind=st.integers(0, 3),
    region=st.sampled_from(REGIONS),
)
def test_the_day_that_is_written_down_lies_among_those_looked_at(day, offset, before, behind, region):
    there = offset.add_to_date(day, business=BusinessCalendar(region))

    first, last = days_before(
        offset, (there - timedelta(days=before), there + timedelta(days=behind)), region=region
    )

    assert first <= day <= last


@given(offset=st.builds(Offset, days=st.integers(-800, 800), business_days=st.integers(-20, 20)))
def test_without_months_no_day_is_looked_at_in_vain(offset):
    span = (date(2027, 6, 7), date(2027, 6, 9))
    business = BusinessCalendar("PT")

    first, last = days_before(offset, span, region="PT")

    looked_at = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    assert all(span[0] <= offset.add_to_date(day, business=business) <= span[1] for day in looked_at)


@pytest.mark.parametrize("text", ["400mo", "-400mo", "9000d", "-9000bd"])
def test_what_leaves_the_calendar_is_an_error_that_is_known(text):
    refused = 0
    for day in (date.min, date.max):
        try:
            days_before(Offset.parse(text), (day, day), region="")
        except (CalendarError, OffsetError):
            refused += 1

    assert refused
