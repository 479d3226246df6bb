"""Journeys that name one another, checked when they are published."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from engine.discovery import discover
from journeys.language.errors import DefinitionInvalid
from journeys.models import Journey, Vendor
from journeys.services.journeys import journey_archive, journey_change_draft, journey_publish
from tests.builders import ACTOR, a_journey, a_vendor

discover()

STEPS: list[tuple[str, dict[str, Any]]] = [
    ("journey", {"journey": "{}"}),
    ("action", {"do": [{"kind": "start_journey", "journey": "{}"}]}),
    ("action", {"do": [{"kind": "leave_journey", "journey": "{}"}]}),
]


def naming(other: str, type_: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Give the step's settings with the journey's id written in."""
    filled = {**settings}
    if "journey" in filled:
        filled["journey"] = other
    if "do" in filled:
        filled["do"] = [{**filled["do"][0], "journey": other}]
    return a_journey().step("next_one", type_, **filled).definition()


def publish(vendor: Vendor, definition: dict[str, Any], *, journey: Journey, now: datetime) -> None:
    journey.refresh_from_db()
    revision = journey.draft_revision
    journey_change_draft(
        journey=journey, expected_revision=revision, definition=definition, now=now, actor=ACTOR
    )
    journey_publish(journey=journey, now=now, actor=ACTOR)


@pytest.mark.parametrize(("type_", "settings"), STEPS)
def test_a_journey_that_is_named_must_be_there(
    db: None, now: datetime, type_: str, settings: dict[str, Any]
) -> None:
    del db
    vendor, stranger = a_vendor(now=now), a_vendor(now=now, name="Somebody Else")
    journey = a_journey().publish(vendor, now=now, name="Own")
    there = a_journey().publish(vendor, now=now, name="There")
    gone = a_journey().publish(vendor, now=now, name="Gone")
    journey_archive(journey=gone, now=now, actor=ACTOR)
    theirs = a_journey().publish(stranger, now=now, name="Theirs")

    for other, said in (
        ("jrn_00000000000000", "which is not there"),
        (theirs.public_id, "which is not there"),
        (gone.public_id, "which is archived"),
        (journey.public_id, "names its own journey"),
    ):
        with pytest.raises(DefinitionInvalid, match=said) as caught:
            publish(vendor, naming(other, type_, settings), journey=journey, now=now)
        assert [("unknown_journey", "next_one")] == [(one.code, one.node) for one in caught.value.problems]

    publish(vendor, naming(there.public_id, type_, settings), journey=journey, now=now)
