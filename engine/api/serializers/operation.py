"""Queues, step types, figures and time lines."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from channels.models import Message
from engine.api.serializers.modules import ModuleDetail
from journeys.api.schema import choice
from journeys.api.strict import StrictSerializer

QueueAction = choice("QueueAction", ("start", "stop", "restart"))
MessageStatus = choice("MessageStatus", Message.Status.values)
TimelineState = choice(
    "TimelineState",
    (
        "done",
        "skipped",
        "failed",
        "retrying",
        "held",
        "due",
        "under_way",
        "planned",
        "parked",
        "needs_you",
    ),
)


class QueueLine(serializers.Serializer[Any]):
    """How one queue stands."""

    queue = serializers.CharField()
    due = serializers.IntegerField()
    queued = serializers.IntegerField()
    running = serializers.IntegerField()
    oldest_seconds = serializers.FloatField()


class Worker(serializers.Serializer[Any]):
    """A worker that shows life."""

    name = serializers.CharField()
    beat_at = serializers.DateTimeField()
    detail = serializers.DictField()


class QueueAnswer(serializers.Serializer[Any]):
    """Whether processing is on, and how the queues stand."""

    running = serializers.BooleanField()
    changed_at = serializers.DateTimeField(allow_null=True)
    queues = QueueLine(many=True)
    workers = Worker(many=True)


class QueueInput(StrictSerializer):
    """What to do with queue processing."""

    action = QueueAction()


class StepType(serializers.Serializer[Any]):
    """A kind of step."""

    type = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    icon = serializers.CharField()
    outside = serializers.BooleanField(help_text="It touches the outside world.")
    ports = serializers.ListField(child=serializers.CharField())
    optional_ports = serializers.ListField(child=serializers.CharField())
    settings = serializers.DictField(help_text="JSON schema of its settings.")


class EventType(serializers.Serializer[Any]):
    """A kind of event that can start a journey."""

    type = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    settings = serializers.DictField(help_text="JSON schema of the start step's trigger settings.")
    payload = serializers.DictField(allow_null=True, help_text="JSON schema of what arrives with it.")


class ModulesAnswer(serializers.Serializer[Any]):
    """What journeys can be built from."""

    steps = StepType(many=True)
    triggers = EventType(many=True)
    modules = ModuleDetail(many=True)


class TimelineMessage(serializers.ModelSerializer[Message]):
    """A message that a step sent."""

    id = serializers.CharField(source="public_id")
    status = MessageStatus()

    class Meta:
        model = Message
        fields = ("id", "channel", "recipient_role", "recipient_name", "status", "delivery", "reason")


class TimelineLine(serializers.Serializer[Any]):
    """One step of a time line: done, due or planned."""

    state = TimelineState()
    at = serializers.DateTimeField(allow_null=True)
    title = serializers.CharField()
    node_id = serializers.CharField()
    node_type = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    anchor = serializers.CharField(allow_blank=True, help_text="The date it hangs on.")
    offset = serializers.CharField(allow_blank=True)
    conditional = serializers.BooleanField(help_text="It only happens on one of several ways.")
    ticket_id = serializers.CharField(allow_blank=True, help_text="What stopped it.")
    line_id = serializers.CharField(allow_blank=True, help_text="This step's own line of the ticket.")
    messages = TimelineMessage(many=True)


class TimelineAnswer(serializers.Serializer[Any]):
    """What happened, happens and is planned in one instance, in order of time."""

    entries = TimelineLine(many=True)


class MetricsQuery(StrictSerializer):
    """Of which time span."""

    timeframe = serializers.RegexField(
        r"^[0-9]{1,5}(m|h|d)$", default="24h", help_text="5m to 90d: minutes, hours or days up to now."
    )


class Percentiles(serializers.Serializer[Any]):
    """Percentiles in milliseconds; null where nothing happened."""

    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class Durations(Percentiles):
    """The same, with the mean."""

    mean = serializers.FloatField(allow_null=True, required=False)


class StepFigures(serializers.Serializer[Any]):
    """Figures of executions."""

    total = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    success_rate = serializers.FloatField(allow_null=True, help_text="0 to 1; null where nothing happened.")
    error_rate = serializers.FloatField(allow_null=True)
    duration_ms = Durations()
    lateness_ms = Percentiles()


class SeriesPoint(serializers.Serializer[Any]):
    """Executions in one part of the time span."""

    at = serializers.DateTimeField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()


class MetricsAnswer(serializers.Serializer[Any]):
    """The figures of a time span, always current."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    steps = StepFigures()
    instances = serializers.DictField(child=serializers.IntegerField())
    messages = serializers.DictField(child=serializers.IntegerField())
    tickets = serializers.DictField(child=serializers.IntegerField())
    doubts = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Messages of which nobody knows now whether they went out: in_doubt, and unknown.",
    )
    series = SeriesPoint(many=True)


class VariantAnswer(serializers.Serializer[Any]):
    """How one variant of an experiment does."""

    variant = serializers.CharField(help_text="The port of its branch.")
    name = serializers.CharField()
    share = serializers.FloatField(
        allow_null=True, help_text="Share it is meant to get; null when it is gone."
    )
    holdout = serializers.BooleanField()
    clients = serializers.IntegerField()
    inside = serializers.IntegerField()
    goals = serializers.IntegerField(help_text="Clients whose last passage reached a goal.")
    exits = serializers.IntegerField()
    completed = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True, help_text="The true rate lies above, 19 times of 20.")
    high = serializers.FloatField(allow_null=True)


class ExperimentAnswer(serializers.Serializer[Any]):
    """One split by chance and what came of it."""

    node_id = serializers.CharField()
    name = serializers.CharField()
    variants = VariantAnswer(many=True)


class ExperimentsAnswer(serializers.Serializer[Any]):
    """The experiments of a journey."""

    experiments = ExperimentAnswer(many=True)
