"""Simulations: what is given, and the calendar that comes out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from engine.simulation.given import Ways
from journeys.api.schema import choice
from journeys.api.strict import Flag, StrictSerializer, Text, Values, Whole

LONGEST_ID = 40
MOST_CLIENTS = 1_000
MOST_INVENTED = 100
MOST_EVENTS = 200

SimulationWays = choice("SimulationWays", Ways.__args__)  # type: ignore[attr-defined] # a Literal's words
SimulationBegin = choice("SimulationBegin", ("here", "now", "start"))


class SimulationInput(StrictSerializer):
    """Whose future, of which version, and what is taken for granted."""

    version = Whole(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        help_text="Its number; empty: the published one.",
    )
    draft = Flag(default=False, help_text="Look at the draft instead.")
    clients = serializers.ListField(
        child=Text(max_length=LONGEST_ID), max_length=MOST_CLIENTS, default=list, help_text="Public ids."
    )
    status = Text(
        max_length=40, default="", allow_blank=True, help_text="All clients of this status, up to 1,000."
    )
    invented = serializers.ListField(
        child=Values(),
        max_length=MOST_INVENTED,
        default=list,
        help_text='Couples that do not exist: {"wedding": {"date": "2027-06-12", "zone": "Europe/Lisbon"}, "client": '
        '{"status": "booked"}, "people": […], "variables": {}, "events": […], "started": "2026-05-01T10:00"}.',
    )
    begin = SimulationBegin(
        default="here", help_text="Where they stand in the journey, or at its start; now; or when it began."
    )
    ways = SimulationWays(default="likely", help_text="likely: by the facts; every: each way; chosen.")
    chosen = serializers.DictField(
        child=Text(max_length=64),
        default=dict,
        help_text="Port by step: led there whatever its condition says.",
    )
    events = serializers.ListField(
        child=Values(),
        max_length=MOST_EVENTS,
        default=list,
        help_text='What is taken to happen: {"type", "topic", "payload", "at" or "after"}.',
    )
    answers = serializers.JSONField(
        required=False,
        help_text='What waits hear otherwise: "never", "at_once", or by step {"after": "2d", "port": "next"}.',
    )
    variables = Values(default=dict, help_text="The journey's variables, for clients at its start.")
    texts = Flag(default=True, help_text="Render what would be sent. For up to 50 couples.")
    until = serializers.DateTimeField(default=None, allow_null=True, help_text="Look no further.")
    calendar = Flag(default=True, help_text="false: only the sums.")


class CopyAnswer(serializers.Serializer[Any]):
    """One message as one person would get it."""

    to = serializers.CharField(help_text="Role.")
    name = serializers.CharField()
    channel = serializers.CharField()
    withheld = serializers.CharField(help_text="Why it would not go out; empty when it would.")
    subject = serializers.CharField(required=False)
    text = serializers.CharField(required=False)


class HeldAnswer(serializers.Serializer[Any]):
    """One time that a step would be put off."""

    at = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()


class HappeningAnswer(serializers.Serializer[Any]):
    """One step that would be carried out, passed over, or stopped at."""

    at = serializers.DateTimeField()
    local = serializers.CharField(help_text="On the clock of the wedding.")
    journey = serializers.CharField()
    step = serializers.CharField()
    kind = serializers.CharField()
    title = serializers.CharField()
    branch = serializers.CharField()
    visit = serializers.IntegerField()
    status = serializers.CharField(help_text="As history will have it: succeeded, skipped, held, failed, …")
    port = serializers.CharField()
    reason = serializers.CharField()
    due_at = serializers.DateTimeField(allow_null=True)
    needs_person = serializers.BooleanField()
    needs_approval = serializers.BooleanField()
    waits = serializers.BooleanField()
    changes = serializers.ListField(child=serializers.CharField())
    held = HeldAnswer(many=True)
    messages = CopyAnswer(many=True)


class ChoiceAnswer(serializers.Serializer[Any]):
    """One fork in the road, and what leads this way."""

    step = serializers.CharField()
    title = serializers.CharField()
    visit = serializers.IntegerField()
    port = serializers.CharField()
    because = serializers.CharField()


class StandsAnswer(serializers.Serializer[Any]):
    """Where a couple would stand when nothing more happens by itself."""

    journey = serializers.CharField()
    step = serializers.CharField()
    title = serializers.CharField()
    due_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    needs_person = serializers.BooleanField()


class EndsAnswer(serializers.Serializer[Any]):
    """How a way ends."""

    result = serializers.CharField(help_text="Empty while it goes on.")
    at = serializers.DateTimeField(allow_null=True)
    stands = StandsAnswer(many=True)


class WayAnswer(serializers.Serializer[Any]):
    """One way through."""

    likely = serializers.BooleanField()
    choices = ChoiceAnswer(many=True)
    calendar = HappeningAnswer(many=True)
    ends = EndsAnswer()
    warnings = serializers.ListField(child=serializers.CharField())


class OutlookAnswer(serializers.Serializer[Any]):
    """Everything that would happen with one couple."""

    client_id = serializers.CharField(help_text="Empty for a couple that is invented.")
    name = serializers.CharField()
    zone = serializers.CharField()
    started = serializers.DateTimeField()
    cut_short = serializers.BooleanField(help_text="There are more ways than were followed.")
    ways = WayAnswer(many=True)


class StepSum(serializers.Serializer[Any]):
    """One step, over all couples and their first ways."""

    step = serializers.CharField()
    title = serializers.CharField()
    times = serializers.IntegerField()
    skipped = serializers.IntegerField()
    messages = serializers.IntegerField()


class WarningSum(serializers.Serializer[Any]):
    """One warning, and how many couples have it."""

    sentence = serializers.CharField()
    couples = serializers.IntegerField()


class SimulationSums(serializers.Serializer[Any]):
    """Sums over all couples."""

    couples = serializers.IntegerField()
    messages = serializers.IntegerField()
    by_month = serializers.DictField(child=serializers.IntegerField(), help_text="Messages by month.")
    by_step = StepSum(many=True)
    results = serializers.DictField(child=serializers.IntegerField(), help_text="Couples by how it ends.")
    warnings = WarningSum(many=True)


class SimulationAnswer(serializers.Serializer[Any]):
    """A simulation."""

    journey_id = serializers.CharField()
    version = serializers.IntegerField(allow_null=True, help_text="null: the draft.")
    at = serializers.DateTimeField(help_text="When it was looked at.")
    sums = SimulationSums()
    couples = OutlookAnswer(many=True)
