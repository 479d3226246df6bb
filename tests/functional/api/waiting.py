"""Something that waits for a person's yes."""

from __future__ import annotations

from datetime import datetime

from engine.models import Approval
from engine.services.instances import instance_start
from journeys.models import Vendor
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import run_until_idle


def an_approval(vendor: Vendor, *, now: datetime, **settings: object) -> Approval:
    """Bring a couple to a step that asks before it sends."""
    rule = {"mode": "always", "expires": "2d"}
    journey = (
        a_journey().email("note", **{"approval": rule, **settings}).publish(vendor, now=now, name="Notes")
    )
    couple = a_couple(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return Approval.objects.get(instance=instance)
