"""Events, instances, executions, errors and tickets."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from engine.graphs import graph_of
from engine.models import ErrorLog, Instance, NodeExecution, Schedule, TriggerEvent
from journeys.api.schema import choice
from journeys.api.strict import StrictSerializer, Text, Values
from journeys.language.errors import ErrorClass, LanguageError

LONGEST_ID = 40
LONGEST_REASON = 300

InstanceStatus = choice("InstanceStatus", Instance.Status.values)
ScheduleState = choice("ScheduleState", Schedule.State.values)
ExecutionStatus = choice("ExecutionStatus", NodeExecution.Status.values)
ErrorClassName = choice("ErrorClass", [name.value for name in ErrorClass])


class EventInput(StrictSerializer):
    """Something that happened and may start journeys."""

    type = Text(max_length=40, help_text="client_added, form_submitted, payment_received, manual, …")
    event_id = Text(
        max_length=200,
        required=False,
        help_text="Your own id of the event: the same one twice starts nothing twice.",
    )
    client_id = Text(max_length=LONGEST_ID)
    topic = Text(
        max_length=60, allow_blank=True, default="", help_text="The form's type, the payment's kind."
    )
    payload = Values(default=dict)
    occurred_at = serializers.DateTimeField(required=False)


class EventQuery(StrictSerializer):
    """Which events."""

    client_id = Text(max_length=LONGEST_ID, required=False)
    type = Text(max_length=40, required=False)
    topic = Text(max_length=60, required=False)


class EventOutcome(serializers.Serializer[Any]):
    """What an event did for one journey."""

    journey = serializers.CharField()
    outcome = serializers.CharField(help_text="started, not_matched, filtered, already_active, …")
    reason = serializers.CharField(allow_blank=True)
    instance = serializers.CharField(required=False)


class EventDetail(serializers.ModelSerializer[TriggerEvent]):
    """An event, what it started, and why it did not start more."""

    id = serializers.CharField(source="public_id")
    client_id = serializers.CharField(source="client.public_id", allow_null=True, default=None)
    payload = serializers.DictField(allow_null=True)
    outcomes = EventOutcome(many=True)

    class Meta:
        model = TriggerEvent
        fields = (
            "id",
            "event_id",
            "type",
            "topic",
            "client_id",
            "payload",
            "outcomes",
            "occurred_at",
            "received_at",
        )


def step_name(version_id: int, node_id: str) -> str:
    """Read a step's name from the version; its id when the version can not be read any more."""
    try:
        node = graph_of(version_id).nodes.get(node_id)
    except LanguageError:
        return node_id
    return node.name if node is not None else node_id


class ScheduleDetail(serializers.ModelSerializer[Schedule]):
    """One place where an instance stands now."""

    state = ScheduleState()
    node_name = serializers.CharField()

    class Meta:
        model = Schedule
        fields = (
            "node_id",
            "node_name",
            "branch",
            "visit",
            "state",
            "due_at",
            "reason",
            "attempt",
            "queue",
            "placed_at",
        )


class ExecutionDetail(serializers.ModelSerializer[NodeExecution]):
    """One attempt at one step, and how it ended."""

    id = serializers.UUIDField(source="public_id")
    instance_id = serializers.CharField(source="instance.public_id")
    status = ExecutionStatus()
    node_name = serializers.CharField()
    output = serializers.DictField(allow_null=True)

    class Meta:
        model = NodeExecution
        fields = (
            "id",
            "instance_id",
            "node_id",
            "node_name",
            "node_type",
            "branch",
            "visit",
            "attempt",
            "status",
            "port",
            "reason",
            "error_class",
            "error_code",
            "output",
            "queue",
            "due_at",
            "started_at",
            "at",
            "duration_ms",
        )


class ExecutionQuery(StrictSerializer):
    """Which executions."""

    instance_id = Text(max_length=LONGEST_ID, required=False)
    node_id = Text(max_length=64, required=False)
    status = ExecutionStatus(required=False)


class InstanceSummary(serializers.ModelSerializer[Instance]):
    """One client's passage through one version of a journey, and where it stands now."""

    id = serializers.CharField(source="public_id")
    journey_id = serializers.CharField(source="journey.public_id")
    journey_name = serializers.CharField(source="journey.name")
    version = serializers.IntegerField(source="version.number")
    client_id = serializers.CharField(source="client.public_id")
    client_name = serializers.CharField(source="client.display_name")
    wedding_id = serializers.CharField(source="wedding.public_id", allow_null=True, default=None)
    status = InstanceStatus()
    schedules = ScheduleDetail(many=True)

    class Meta:
        model = Instance
        fields = (
            "id",
            "journey_id",
            "journey_name",
            "version",
            "client_id",
            "client_name",
            "wedding_id",
            "status",
            "reason",
            "started_at",
            "finished_at",
            "schedules",
        )


class InstanceDetail(InstanceSummary):
    """The same, with its variables and its latest executions."""

    variables = serializers.DictField(allow_null=True)
    trigger_event_id = serializers.CharField(source="trigger_event.public_id", allow_null=True, default=None)
    executions = ExecutionDetail(many=True, help_text="The latest ones, newest first.")

    class Meta(InstanceSummary.Meta):
        fields = (  # type: ignore[assignment]
            *InstanceSummary.Meta.fields,
            "pinned",
            "variables",
            "trigger_event_id",
            "executions",
        )


class InstanceInput(StrictSerializer):
    """Which client enters which journey."""

    journey_id = Text(max_length=LONGEST_ID)
    client_id = Text(max_length=LONGEST_ID)
    vendor_id = Text(max_length=LONGEST_ID, required=False, help_text="Your own; another one is not found.")
    variables = Values(default=dict)


class InstanceQuery(StrictSerializer):
    """Which instances."""

    status = InstanceStatus(required=False)
    journey_id = Text(max_length=LONGEST_ID, required=False)
    client_id = Text(max_length=LONGEST_ID, required=False)


class ActionInput(StrictSerializer):
    """Why it is done; kept with the instance."""

    reason = Text(max_length=LONGEST_REASON, allow_blank=True, default="")


class BulkResult(serializers.Serializer[Any]):
    """What became of one of them."""

    id = serializers.CharField()
    ok = serializers.BooleanField()
    status = serializers.CharField(allow_null=True)
    code = serializers.CharField(allow_blank=True)
    message = serializers.CharField(allow_blank=True)


class BulkAnswer(serializers.Serializer[Any]):
    """What became of each, in the order in which they were named."""

    results = BulkResult(many=True)


class ErrorDetail(serializers.ModelSerializer[ErrorLog]):
    """One failure, as it was classified."""

    instance_id = serializers.CharField(source="instance.public_id", allow_null=True, default=None)

    class Meta:
        model = ErrorLog
        fields = ("instance_id", "node_id", "error_class", "code", "message", "at")


class ErrorQuery(StrictSerializer):
    """Which failures."""

    instance_id = Text(max_length=LONGEST_ID, required=False)
    error_class = ErrorClassName(required=False)
    code = Text(max_length=60, required=False)
