"""What every trigger type keeps to, from the day it is registered."""

from __future__ import annotations

import inspect
import json
from datetime import datetime

import pytest

from engine.discovery import discover
from journeys.language.registry import EventFacts, TriggerType, trigger_types

discover()

EVERY = pytest.mark.parametrize("trigger", list(trigger_types), ids=trigger_types.types())


@EVERY
def test_a_trigger_type_says_what_it_is(trigger: TriggerType) -> None:
    assert trigger.title
    assert trigger.description
    assert inspect.getmodule(type(trigger)).__name__ == f"engine.triggers.{trigger.type}"


@EVERY
def test_a_trigger_types_settings_have_a_schema(trigger: TriggerType) -> None:
    schema = trigger.settings_model.model_json_schema()

    assert json.loads(json.dumps(schema)) == schema
    assert schema.get("additionalProperties") is False


@EVERY
def test_a_trigger_type_answers_yes_or_no_for_an_event_without_payload(
    trigger: TriggerType, now: datetime
) -> None:
    settings = trigger.settings_model.model_validate({})
    event = EventFacts(type=trigger.type, payload={}, occurred_at=now)

    assert trigger.matches(settings=settings, event=event) in {True, False}
