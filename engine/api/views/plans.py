"""The plan of a passage that began late."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.plans import PlanAnswer, PlanInput
from engine.models import Instance
from engine.services import late_plans
from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation


class InstancePlan(VendorView):
    """What is ahead of one instance."""

    def instance(self, instance_id: str) -> Instance:
        """Find one of the vendor's instances."""
        rows = self.rows(Instance).select_related("wedding", "vendor")
        return self.one(rows, instance_id)

    @operation("Read an instance's plan", tag="Instances", answers=PlanAnswer, query=NoParameters)
    def get(self, request: Request, instance_id: str) -> Response:
        """Tell what is ahead, what is past already, and what becomes of it; `waiting` means that it needs a yes."""
        del request
        instance = self.instance(instance_id)
        self.read_query(NoParameters)
        return self.write(late_plans.plan_of(instance, now=self.now), PlanAnswer)

    @operation(
        "Confirm an instance's plan",
        tag="Instances",
        takes=PlanInput,
        answers=PlanAnswer,
        example={"choices": {"questionnaire": "skip", "all": "send"}},
    )
    def post(self, request: Request, instance_id: str) -> Response:
        """Let a passage go on that began late and waits for a yes, with a choice for each late step.

        409 `no_plan`: nothing of it waits for a yes.
        """
        del request
        instance = self.instance(instance_id)
        choices = self.read_body(PlanInput).get("choices")
        plan = late_plans.confirm(instance=instance, choices=choices, now=self.now, actor=self.actor)
        return self.write(plan, PlanAnswer)
