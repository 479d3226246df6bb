"""Requests for many clients to enter a journey."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.models import Enrollment, Instance
from engine.services.enrolling.carrying_out import carry_on
from engine.services.enrolling.requests import Who, enrollment_begin
from journeys.models import Journey, Vendor
from tests.builders import ACTOR, a_journey


def an_enrollment(journey: Journey, *, now: datetime, who: Who | None = None, **given: Any) -> Enrollment:
    """Ask for everybody, or for those who are meant, to enter a journey; nobody has entered yet."""
    if "variables" not in given:
        assert journey.current_version
        given["variables"] = dict.fromkeys(journey.current_version.definition["variables"], "")
    return enrollment_begin(
        vendor=journey.vendor,
        journey=journey,
        who=who or Who(everybody=True),
        now=now,
        actor=ACTOR,
        **given,
    )


def published(
    vendor: Vendor, now: datetime, *, entry: dict[str, Any] | None = None, **fields: Any
) -> Journey:
    """Publish a journey whose clients rest in it for ten days."""
    return a_journey().entry(**entry or {}).wait("rest", for_="10d").publish(vendor, now=now, **fields)


def ask(journey: Journey, now: datetime, who: Who | None = None, **given: Any) -> Enrollment:
    """Ask, with no variables unless they are given."""
    return an_enrollment(journey, now=now, who=who, **{"variables": {}, **given})


def enroll(journey: Journey, now: datetime, who: Who | None = None, **given: Any) -> Enrollment:
    """Ask, and carry it through."""
    run = ask(journey, now, who, **given)
    carry_on(enrollment=run, now=now)
    return run


def inside(journey: Journey) -> set[int]:
    """Number the clients who have entered."""
    return set(Instance.objects.filter(journey=journey).values_list("client_id", flat=True))


def counts(run: Enrollment) -> dict[str, int]:
    """Say how many were refused, by code."""
    return {code: one["count"] for code, one in run.refused.items()}
