"""`manage.py enroll`."""

from __future__ import annotations

from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from engine.models import Enrollment, Instance
from journeys.models import Journey, Vendor
from tests.builders import a_couple, a_journey


@pytest.fixture
def journey(vendor: Vendor, now: datetime) -> Journey:
    return a_journey().wait("rest", for_="1d").publish(vendor, now=now)


def said(journey: Journey, *words: str, **options: Any) -> str:
    out = StringIO()
    call_command("enroll", journey.public_id, *words, stdout=out, **options)
    return out.getvalue()


def test_it_counts_first_and_lets_in_then(vendor: Vendor, journey: Journey, now: datetime) -> None:
    a_couple(vendor, now=now)
    lead = a_couple(vendor, now=now, status="lead")
    words = ("--condition", "client.status == 'booked'")

    counted = said(journey, *words, "--dry-run")
    assert "1 of 2 would enter." in counted
    assert f"1 filtered: for example {lead.public_id}" in counted
    assert not Instance.objects.exists()

    assert "1 of 2 entered." in said(journey, *words)
    assert 1 == Instance.objects.filter(journey=journey).count()


def test_what_takes_hours_is_left_to_the_ticks(vendor: Vendor, journey: Journey, now: datetime) -> None:
    a_couple(vendor, now=now)

    assert "The ticks go on with it." in said(journey, "--everybody", "--per-hour", "1")
    assert ("running", "command:enroll") == Enrollment.objects.values_list("state", "made_by").get()


def test_who_is_meant_has_to_be_said(journey: Journey) -> None:
    with pytest.raises(CommandError, match="Say who is to enter"):
        said(journey)
    with pytest.raises(CommandError, match="no journey jrn_none"):
        call_command("enroll", "jrn_none")
