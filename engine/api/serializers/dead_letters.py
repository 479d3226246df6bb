"""What could not be carried out and is kept whole."""

from __future__ import annotations

from rest_framework import serializers

from engine.models import DeadLetter
from engine.services.dead_letters import DEEDS
from engine.services.redoing import KINDS
from journeys.api.schema import choice
from journeys.api.strict import StrictSerializer, Text

LONGEST_ID = 40
MOST_AT_ONCE = 200

DeadLetterStatus = choice("DeadLetterStatus", DeadLetter.Status.values)
DeadLetterKind = choice("DeadLetterKind", KINDS)
DeadLetterDeed = choice("DeadLetterDeed", tuple(DEEDS))


class DeadLetterLine(serializers.ModelSerializer[DeadLetter]):
    """What broke, how often, and what became of it."""

    id = serializers.CharField(source="public_id")
    kind = DeadLetterKind(help_text="What it is, and so how it is done again.")
    status = DeadLetterStatus()

    class Meta:
        model = DeadLetter
        fields: tuple[str, ...] = (
            "id",
            "kind",
            "status",
            "error_class",
            "error",
            "times",
            "first_at",
            "last_at",
            "resolved_at",
            "resolved_by",
        )


class DeadLetterDetail(DeadLetterLine):
    """The same with everything that it holds."""

    payload = serializers.JSONField(help_text="As it came; its shape depends on the kind.")

    class Meta(DeadLetterLine.Meta):
        fields = (*DeadLetterLine.Meta.fields, "payload")


class DeadLetterQuery(StrictSerializer):
    """Which dead letters."""

    kind = DeadLetterKind(required=False)
    status = DeadLetterStatus(required=False)


class DeadLettersBulkInput(StrictSerializer):
    """One decision about many."""

    action = DeadLetterDeed()
    ids = serializers.ListField(child=Text(max_length=LONGEST_ID), min_length=1, max_length=MOST_AT_ONCE)
