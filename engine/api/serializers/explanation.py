"""Explanations: what decided each step, with which values."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from journeys.api.schema import choice
from journeys.api.strict import StrictSerializer, Text

ExplainedState = choice(
    "ExplainedState",
    (
        "sent",
        "done",
        "skipped",
        "withheld",
        "failed",
        "held",
        "retrying",
        "cancelled",
        "waiting",
        "queued",
        "running",
        "parked",
        "paused",
        "needs_you",
        "planned",
    ),
)


class ExplainQuery(StrictSerializer):
    """Which steps."""

    step = Text(max_length=64, required=False, default="", help_text="One step only.")


class ExplainedMessage(serializers.Serializer[Any]):
    """One message of a step."""

    id = serializers.CharField()
    to = serializers.CharField(help_text="Role.")
    name = serializers.CharField()
    channel = serializers.CharField()
    status = serializers.CharField()
    delivery = serializers.CharField()
    reason = serializers.CharField()
    settled_by = serializers.CharField()


class ExplainedApproval(serializers.Serializer[Any]):
    """Who read it before it went out."""

    id = serializers.CharField()
    status = serializers.CharField()
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    edited = serializers.BooleanField()


class ExplainedPerson(serializers.Serializer[Any]):
    """What somebody was asked, and what they decided."""

    ticket_id = serializers.CharField(help_text="What stopped it, for all that it has stopped.")
    line_id = serializers.CharField(help_text="This step's own line of the ticket.")
    asked = serializers.CharField()
    resolution = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)


class ExplainedHold(serializers.Serializer[Any]):
    """One time that it was put off."""

    at = serializers.DateTimeField()
    reason = serializers.CharField()


class ExplainedStep(serializers.Serializer[Any]):
    """One step: what happened, happens or will, and why."""

    step = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.CharField()
    branch = serializers.CharField()
    visit = serializers.IntegerField()
    version = serializers.IntegerField()
    state = ExplainedState()
    at = serializers.DateTimeField(allow_null=True, help_text="When it happened, or will as things are now.")
    due_at = serializers.DateTimeField(allow_null=True, help_text="When it was, or is, to be carried out.")
    port = serializers.CharField()
    because = serializers.ListField(child=serializers.CharField(), help_text="Sentences for people.")
    rule = serializers.DictField(help_text="What the version says: when, late, conditions.")
    values = serializers.DictField(help_text="What the conditions read at that moment, by path.")
    moment = serializers.DictField(
        allow_null=True, help_text="The date it hangs on, offset, zone, and the instant computed today."
    )
    awaits = serializers.ListField(child=serializers.CharField(), help_text="Topics that wake it.")
    held = ExplainedHold(many=True)
    messages = ExplainedMessage(many=True)
    approvals = ExplainedApproval(many=True)
    person = ExplainedPerson(many=True)
    needs_person = serializers.BooleanField()


class ExplainedJourney(serializers.Serializer[Any]):
    """The journey."""

    id = serializers.CharField()
    name = serializers.CharField()


class ExplainedStart(serializers.Serializer[Any]):
    """What began the passage."""

    kind = serializers.CharField(help_text="event, journey or person.")
    type = serializers.CharField(required=False)
    topic = serializers.CharField(required=False)
    event_id = serializers.CharField(required=False)
    place = serializers.CharField(required=False)
    at = serializers.DateTimeField()
    sentence = serializers.CharField()


class InstanceExplanation(serializers.Serializer[Any]):
    """Every step of a passage."""

    instance_id = serializers.CharField()
    journey = ExplainedJourney()
    version = serializers.IntegerField()
    status = serializers.CharField()
    result = serializers.CharField()
    reason = serializers.CharField()
    started_by = ExplainedStart()
    steps = ExplainedStep(many=True)


class MessageExplanation(serializers.Serializer[Any]):
    """One message, and the step it belongs to."""

    message = ExplainedMessage()
    because = serializers.ListField(child=serializers.CharField())
    instance = InstanceExplanation(allow_null=True)
