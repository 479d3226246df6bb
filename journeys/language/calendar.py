"""The one door to everything about time: offsets, zones, business days, sending hours, due moments."""

from .business import BusinessCalendar
from .offsets import Offset, add_months
from .sending_hours import WEEKDAYS, SendingHours
from .timing import (
    DEFAULT_TIME,
    ON_TIME,
    AnchorMoment,
    Calendar,
    Decision,
    Due,
    Verdict,
    anchor_of,
    due_from_meant,
    due_of,
    is_dated,
    judged,
    lateness,
)
from .zones import database_version, local_instant, local_time, transitions_between, zone_of

__all__ = [
    "DEFAULT_TIME",
    "ON_TIME",
    "WEEKDAYS",
    "AnchorMoment",
    "BusinessCalendar",
    "Calendar",
    "Decision",
    "Due",
    "Offset",
    "SendingHours",
    "Verdict",
    "add_months",
    "anchor_of",
    "database_version",
    "due_from_meant",
    "due_of",
    "is_dated",
    "judged",
    "lateness",
    "local_instant",
    "local_time",
    "transitions_between",
    "zone_of",
]
