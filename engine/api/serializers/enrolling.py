"""Many clients who are to enter one journey."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from engine.api.serializers.running import LONGEST_ID
from engine.models import Enrollment
from engine.services.enrolling.requests import MOST_LISTED, Who
from journeys.api.schema import choice
from journeys.api.strict import Flag, StrictSerializer, Text, Values, Whole
from journeys.language.passages import MAX_CONDITION

#: More would be more than a system for weddings ever holds.
MOST_PER_HOUR = 10_000_000

EnrollmentState = choice("EnrollmentState", Enrollment.State.values)


class EnrollmentInput(StrictSerializer):
    """Which clients enter, and with what; all that fit everything that is said."""

    client_ids = serializers.ListField(
        child=Text(max_length=LONGEST_ID), min_length=1, max_length=MOST_LISTED, required=False
    )
    tag = Text(max_length=60, required=False)
    client_status = Text(max_length=40, required=False)
    condition = Text(
        max_length=MAX_CONDITION,
        required=False,
        help_text="An expression over client, wedding, people, vendor, payments and forms.",
    )
    everybody = Flag(default=False, help_text="Every client you have; nothing else is said beside it.")
    variables = Values(default=dict)
    per_hour = Whole(
        min_value=1, max_value=MOST_PER_HOUR, required=False, help_text="So many in an hour at most, evenly."
    )
    dry_run = Flag(default=False, help_text="Count who would enter and why the others would not.")


def who_of(data: dict[str, Any]) -> Who:
    """Read who is meant out of checked input."""
    named = data.get("client_ids")
    return Who(
        clients=None if named is None else tuple(named),
        tag=data.get("tag", ""),
        status=data.get("client_status", ""),
        condition=data.get("condition", ""),
        everybody=data["everybody"],
    )


class RefusalDetail(serializers.Serializer[Any]):
    """Why some did not enter."""

    code = serializers.CharField(
        help_text="already_active, already_entered, entered_recently, limit_live, filtered, not_published, …"
    )
    count = serializers.IntegerField()
    examples = serializers.ListField(child=serializers.CharField(), help_text="Some of the clients.")


class EnrollmentDetail(serializers.ModelSerializer[Enrollment]):
    """Who was asked to enter, and how far that has come."""

    id = serializers.CharField(source="public_id")
    journey_id = serializers.CharField(source="journey.public_id")
    state = EnrollmentState()
    named = serializers.SerializerMethodField(help_text="How many clients were named; null: by the rest.")
    client_status = serializers.CharField(source="status", allow_blank=True)
    refused = RefusalDetail(many=True, source="reasons")

    class Meta:
        model = Enrollment
        fields = (
            "id",
            "journey_id",
            "dry_run",
            "state",
            "named",
            "tag",
            "client_status",
            "condition",
            "per_hour",
            "examined",
            "entered",
            "refused",
            "made_at",
            "made_by",
            "finished_at",
        )

    def get_named(self, enrollment: Enrollment) -> int | None:
        """Count the clients that were named."""
        return None if enrollment.listed is None else len(enrollment.listed)


class EnrollmentQuery(StrictSerializer):
    """Which of them."""

    state = EnrollmentState(required=False)
