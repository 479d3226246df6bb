"""Messages that wait for a person's yes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from engine.models import Approval
from engine.services.approvals import LONGEST_BODY, LONGEST_NOTE, LONGEST_SUBJECT
from engine.services.upcoming import FURTHEST_DAYS
from journeys.api.schema import choice
from journeys.api.strict import StrictSerializer, Text, Whole

LONGEST_ID = 40
MOST_AT_ONCE = 200
#: Roles, as everywhere.
ROLE = r"^[a-z][a-z0-9_]{0,39}$"

ApprovalStatus = choice("ApprovalStatus", Approval.Status.values)
ApprovalDecision = choice("ApprovalDecision", ("approve", "reject"))


class ApprovalCopy(serializers.Serializer[Any]):
    """One person's copy of the message."""

    role = serializers.CharField()
    name = serializers.CharField()
    address = serializers.CharField(allow_blank=True)
    channel = serializers.CharField(help_text="email or sms.")
    locale = serializers.CharField()
    subject = serializers.CharField(allow_blank=True)
    body = serializers.CharField(help_text="Markdown for email, plain text for SMS.")


class ApprovalDetail(serializers.ModelSerializer[Approval]):
    """A message, to whom it goes, and what was decided about it."""

    id = serializers.CharField(source="public_id")
    client_id = serializers.CharField(source="client.public_id")
    journey_id = serializers.CharField(source="journey.public_id")
    instance_id = serializers.CharField(source="instance.public_id")
    status = ApprovalStatus()
    copies = ApprovalCopy(source="contents", many=True)
    edited = serializers.SerializerMethodField(help_text="A person has changed the journey's words.")

    class Meta:
        model = Approval
        fields = (
            "id",
            "client_id",
            "journey_id",
            "instance_id",
            "node_id",
            "step_name",
            "purpose",
            "status",
            "copies",
            "edited",
            "goes_out_at",
            "created_at",
            "expires_at",
            "on_expiry",
            "decided_at",
            "decided_by",
            "note",
        )

    def get_edited(self, approval: Approval) -> bool:
        """Tell whether somebody has edited it."""
        return approval.original is not None


class ApprovalQuery(StrictSerializer):
    """Which approvals; pending are those that still wait for somebody."""

    status = ApprovalStatus(required=False)
    client_id = Text(max_length=LONGEST_ID, required=False)
    journey_id = Text(max_length=LONGEST_ID, required=False)
    instance_id = Text(max_length=LONGEST_ID, required=False)


class CopyEdit(StrictSerializer):
    """Other words for one person's copy; what is left out stays."""

    role = serializers.RegexField(ROLE)
    subject = Text(max_length=LONGEST_SUBJECT, required=False)
    body = Text(max_length=LONGEST_BODY, required=False, trim_whitespace=False)


class ApprovalEdit(StrictSerializer):
    """Other words, before anybody decides."""

    copies = serializers.ListField(child=CopyEdit(), min_length=1, max_length=MOST_AT_ONCE)


class ApprovalInput(StrictSerializer):
    """A yes, with other words where they are wanted."""

    copies = serializers.ListField(child=CopyEdit(), required=False, max_length=MOST_AT_ONCE)
    note = Text(max_length=LONGEST_NOTE, allow_blank=True, default="")


class RejectionInput(StrictSerializer):
    """A no."""

    note = Text(max_length=LONGEST_NOTE, allow_blank=True, default="")


class ApprovalsBulkInput(StrictSerializer):
    """One decision about many messages."""

    action = ApprovalDecision()
    ids = serializers.ListField(child=Text(max_length=LONGEST_ID), min_length=1, max_length=MOST_AT_ONCE)
    note = Text(max_length=LONGEST_NOTE, allow_blank=True, default="")


class PrepareInput(StrictSerializer):
    """How far ahead."""

    days = Whole(min_value=1, max_value=FURTHEST_DAYS, default=7)


class PrepareAnswer(serializers.Serializer[Any]):
    """How many questions are new."""

    asked = serializers.IntegerField()


def edits_of(copies: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    """Give the edits as the service takes them: by role."""
    return {copy["role"]: {name: text for name, text in copy.items() if name != "role"} for copy in copies}
