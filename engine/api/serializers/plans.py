"""Plans of passages that began late."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from engine.api.serializers.weddings import LateChoice
from engine.models import LatePlan
from engine.services.late_plans import Plan
from journeys.api.schema import choice
from journeys.api.strict import StrictSerializer

PlanStatus = choice("LatePlanStatus", ("none", *LatePlan.Status.values))
PlanFate = choice("PlanFate", ("send", "skip", "ask", "planned", "parked"))


class PlanInput(StrictSerializer):
    """What is done with the steps that are past."""

    choices = serializers.DictField(
        child=LateChoice(),
        required=False,
        help_text='By the step\'s id, or "all": send, skip, ask, or its own late rule (rule).',
    )


class PlanStepDetail(serializers.Serializer[Any]):
    """One step ahead, and what becomes of it."""

    node_id = serializers.CharField()
    name = serializers.CharField()
    node_type = serializers.CharField()
    outside = serializers.BooleanField()
    due = serializers.DateTimeField(allow_null=True, help_text="When it was meant for.")
    at = serializers.DateTimeField(
        allow_null=True, help_text="When it happens; late ones keep their distance."
    )
    late = serializers.BooleanField()
    will = PlanFate()
    choice = LateChoice()
    conditional = serializers.BooleanField()
    sentence = serializers.CharField()


class PlanAnswer(serializers.Serializer[Plan]):
    """What is ahead of a passage."""

    instance_id = serializers.CharField(source="instance.public_id")
    status = serializers.SerializerMethodField(help_text="none: nothing holds the passage.")
    gap_seconds = serializers.SerializerMethodField(help_text="Least time between two late messages.")
    confirm_by = serializers.SerializerMethodField(help_text="It goes ahead by itself then; null: never.")
    steps = PlanStepDetail(many=True)

    def get_status(self, plan: Plan) -> str:
        """Tell whether it waits for a yes."""
        return plan.record.status if plan.record is not None else "none"

    def get_gap_seconds(self, plan: Plan) -> int:
        """Give the least time between two late messages."""
        return int(plan.gap.total_seconds())

    def get_confirm_by(self, plan: Plan) -> str | None:
        """Give when it goes ahead by itself."""
        moment = plan.record.confirm_by if plan.record is not None else None
        return moment.isoformat() if moment is not None else None
