"""Requests for many clients to enter a journey."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.models import Enrollment
from engine.services.enrolling.requests import Who, enrollment_begin
from journeys.models import Journey
from tests.builders import ACTOR


def an_enrollment(journey: Journey, *, now: datetime, who: Who | None = None, **given: Any) -> Enrollment:
    """Ask for everybody, or for those who are meant, to enter a journey; nobody has entered yet."""
    fields: dict[str, Any] = {
        "variables": dict.fromkeys(journey.current_version.definition["variables"], ""),  # type: ignore[union-attr]
        **given,
    }
    return enrollment_begin(
        vendor=journey.vendor,
        journey=journey,
        who=who or Who(everybody=True),
        now=now,
        actor=ACTOR,
        **fields,
    )
