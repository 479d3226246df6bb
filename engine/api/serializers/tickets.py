"""Tickets: causes that a person must put right, and the steps that they have stopped."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from engine.api.serializers.running import LONGEST_ID, step_name
from engine.models import InterventionTicket, TicketLine
from journeys.api.schema import choice
from journeys.api.strict import StrictSerializer, Text, Values, Whole

TicketStatus = choice("TicketStatus", InterventionTicket.Status.values)
TicketLevel = choice("TicketLevel", InterventionTicket.Level.values)
LONGEST_NAME = 60
LONGEST_ADDRESS = 254
#: Lines that one request may name.
MOST_LINES = 500


class TicketDetail(serializers.ModelSerializer[InterventionTicket]):
    """One cause that only a person can put right, for all that it has stopped."""

    id = serializers.CharField(source="public_id")
    cause = serializers.CharField(
        help_text="What its lines have in common: the same cause is the same ticket."
    )
    level = TicketLevel()
    status = TicketStatus()
    lines_open = serializers.IntegerField(help_text="Steps that stand still because of it.")
    lines_total = serializers.IntegerField()
    last_seen_at = serializers.DateTimeField(help_text="When it stopped a step last.", allow_null=True)
    assignee_id = serializers.IntegerField(allow_null=True, help_text="Number of the user who works it.")

    class Meta:
        model = InterventionTicket
        fields = (
            "id",
            "cause",
            "level",
            "status",
            "error_class",
            "code",
            "summary",
            "lines_open",
            "lines_total",
            "created_at",
            "last_seen_at",
            "escalated_at",
            "assignee_id",
            "assigned_at",
            "resolved_at",
            "resolved_by",
            "resolution",
        )


class TicketLineDetail(serializers.ModelSerializer[TicketLine]):
    """One step that a ticket's cause has stopped."""

    id = serializers.CharField(source="public_id")
    ticket_id = serializers.CharField(source="ticket.public_id")
    instance_id = serializers.CharField(source="instance.public_id")
    client_id = serializers.CharField(source="instance.client.public_id")
    status = TicketStatus()
    level = TicketLevel()
    node_name = serializers.SerializerMethodField()
    pauses = serializers.BooleanField(help_text="The instance stands still until it is settled.")

    class Meta:
        model = TicketLine
        fields = (
            "id",
            "ticket_id",
            "instance_id",
            "client_id",
            "node_id",
            "node_name",
            "status",
            "level",
            "error_class",
            "code",
            "summary",
            "pauses",
            "created_at",
            "resolved_at",
            "resolved_by",
            "resolution",
        )

    def get_node_name(self, line: TicketLine) -> str:
        """Give the step's name."""
        return step_name(line.instance.version_id, line.node_id)


class TicketQuery(StrictSerializer):
    """Which tickets."""

    status = TicketStatus(required=False)
    level = TicketLevel(required=False)
    code = Text(max_length=60, required=False)
    instance_id = Text(max_length=LONGEST_ID, required=False, help_text="Those with a line of this instance.")
    assignee_id = serializers.IntegerField(required=False, min_value=1)


class TicketLineQuery(StrictSerializer):
    """Which lines of a ticket."""

    status = TicketStatus(required=False)
    instance_id = Text(max_length=LONGEST_ID, required=False)


class TicketWorkInput(StrictSerializer):
    """Which lines of the ticket it is about."""

    line_ids = serializers.ListField(
        child=Text(max_length=LONGEST_ID),
        required=False,
        min_length=1,
        max_length=MOST_LINES,
        help_text="Open lines of this ticket; all of them when it is left out.",
    )


class TicketRefusal(serializers.Serializer[Any]):
    """A line that stayed as it was."""

    line_id = serializers.CharField()
    message = serializers.CharField()


class TicketWork(serializers.Serializer[Any]):
    """What became of a ticket's lines."""

    done = serializers.IntegerField()
    refused = TicketRefusal(many=True)
    left = serializers.IntegerField(
        help_text="Open lines that this request did not come to: send it again to go on."
    )


class TicketWorked(TicketDetail):
    """A ticket as it is now, and what was done with its lines."""

    work = TicketWork()

    class Meta(TicketDetail.Meta):
        fields = (*TicketDetail.Meta.fields, "work")  # type: ignore[assignment]


class TicketAssignInput(StrictSerializer):
    """Who works the ticket."""

    user_id = Whole(
        allow_null=True, min_value=1, help_text="Number of a user who works for the vendor; null for nobody."
    )


class TicketEditInput(TicketWorkInput):
    """What was wrong, put right; what is left out stays as it is."""

    email = Text(max_length=LONGEST_ADDRESS, required=False, allow_blank=True)
    phone = Text(max_length=LONGEST_NAME, required=False, allow_blank=True)
    role = Text(
        max_length=LONGEST_NAME,
        default="",
        allow_blank=True,
        help_text="Whose address it is: a role at the wedding; left out, the client's.",
    )
    fields = Values(  # type: ignore[assignment] # the client's own word; the framework's stays
        default=dict, help_text="Laid over the client's own fields; null takes one away."
    )
    variables = Values(default=dict, help_text="Laid over the instance's variables.")
