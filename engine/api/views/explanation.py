"""Saying why."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from channels.models import Message
from engine.api.serializers.explanation import ExplainQuery, InstanceExplanation, MessageExplanation
from engine.models import Instance
from engine.services.explaining import explain_instance, explain_message
from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation


class InstanceExplain(VendorView):
    """Why, for the steps of one instance."""

    @operation("Explain an instance", tag="Instances", answers=InstanceExplanation, query=ExplainQuery)
    def get(self, request: Request, instance_id: str) -> Response:
        """Say of every step, past, standing and ahead, what decided it: rule, values, version, people, and when."""
        del request
        rows = self.rows(Instance).select_related(
            "journey", "version", "client", "wedding", "vendor", "trigger_event"
        )
        answer = explain_instance(
            instance=self.one(rows, instance_id), step=self.read_query(ExplainQuery)["step"], now=self.now
        )
        return Response(answer)


class MessageExplain(VendorView):
    """Why, for one message."""

    @operation("Explain a message", tag="Messages", answers=MessageExplanation, query=NoParameters)
    def get(self, request: Request, message_id: str) -> Response:
        """Say why a message went out, did not, or has not yet, with everything about its step."""
        del request
        self.read_query(NoParameters)
        return Response(explain_message(message=self.one(Message, message_id), now=self.now))
