"""Words for tests of what becomes of those inside."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from engine.models import Changeover, ChangeoverEntry, Instance, Schedule
from engine.services import changeovers, publishing
from journeys.models import Client, Journey
from journeys.services.journeys import journey_change_draft
from tests import drive
from tests.builders import ACTOR, JourneyBuilder
from tests.drive import run_until_idle

DAY = timedelta(days=1)


def enter(journey: Journey, client: Client, now: datetime) -> Instance:
    instance = drive.enter(journey, client, now=now)
    run_until_idle(now)
    return instance


def edit(journey: Journey, builder: JourneyBuilder | dict[str, Any], now: datetime) -> None:
    journey.refresh_from_db()
    definition = builder if isinstance(builder, dict) else builder.definition()
    journey_change_draft(
        journey=journey,
        definition=definition,
        expected_revision=journey.draft_revision,
        now=now,
        actor=ACTOR,
    )


def publish(journey: Journey, choice: str, now: datetime) -> Changeover:
    changeover = publishing.publish(journey=journey, choice=choice, now=now, actor=ACTOR).changeover
    assert changeover is not None
    changeovers.carry_on(changeover=changeover, now=now)
    return changeover


def undo(changeover: Changeover, now: datetime) -> Changeover:
    publishing.undo(changeover=changeover, now=now, actor=ACTOR)
    changeovers.carry_on(changeover=changeover, now=now)
    return changeover


def token(instance: Instance) -> Schedule:
    return Schedule.objects.get(instance=instance)


def version_of(instance: Instance) -> int:
    instance.refresh_from_db()
    return instance.version.number


def outcomes(changeover: Changeover) -> list[tuple[str, str]]:
    return list(
        ChangeoverEntry.objects.filter(changeover=changeover).order_by("id").values_list("outcome", "code")
    )
