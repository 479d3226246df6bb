"""The pinned zone database, and one couple's calendar."""

from __future__ import annotations

import zoneinfo

import pytest

from journeys.language.calendar import Calendar
from tests.unit.language.world import a_calendar

zoneinfo.reset_tzpath(to=[])


@pytest.fixture
def calendar() -> Calendar:
    return a_calendar()
