"""Queue processing, and what journeys can be built from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.modules import module_detail
from engine.api.serializers.operation import ModulesAnswer, QueueAnswer, QueueInput
from engine.services.control import queue_restart, queue_start, queue_status, queue_stop
from engine.services.modules import modules_of
from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation
from journeys.language.registry import NodeType, TriggerType, node_types, trigger_types

TAG = "Operation"
DEEDS: dict[str, Callable[..., Any]] = {
    "start": queue_start,
    "stop": queue_stop,
    "restart": queue_restart,
}


class Queue(VendorView):
    """Queue processing of the whole system."""

    owner_methods = ("POST",)

    @operation("Read how the queues stand", tag=TAG, answers=QueueAnswer, query=NoParameters)
    def get(self, request: Request) -> Response:
        """Whether processing is on, and for each queue what is due, rung for and running."""
        del request
        self.read_query(NoParameters)
        return self.write(queue_status(now=self.now), QueueAnswer)

    @operation(
        "Start, stop or restart queue processing",
        tag=TAG,
        takes=QueueInput,
        answers=QueueAnswer,
        example={"action": "restart"},
    )
    def post(self, request: Request) -> Response:
        """For the whole system, so for owners and keys only. Stopping lets running steps end and begins no other."""
        del request
        DEEDS[self.read_body(QueueInput)["action"]](now=self.now, actor=self.actor)
        return self.write(queue_status(now=self.now), QueueAnswer)


class Modules(VendorView):
    """The step and trigger types of this system."""

    @operation("List step and trigger types", tag=TAG, answers=ModulesAnswer, query=NoParameters)
    def get(self, request: Request) -> Response:
        """Each with the JSON schema of its settings, from which a form can be drawn; and the modules among them."""
        del request
        self.read_query(NoParameters)
        answer = {
            "steps": [_step_type(one) for one in node_types],
            "triggers": [_trigger_type(one) for one in trigger_types],
            "modules": [module_detail(one) for one in modules_of(self.vendor)],
        }
        return self.write(answer, ModulesAnswer)


def _step_type(one: NodeType) -> dict[str, Any]:
    return {
        "type": one.type,
        "title": one.title,
        "description": one.description,
        "icon": one.icon,
        "outside": one.outside,
        "ports": list(one.ports),
        "optional_ports": list(one.optional_ports),
        "settings": one.settings_model.model_json_schema(),
    }


def _trigger_type(one: TriggerType) -> dict[str, Any]:
    return {
        "type": one.type,
        "title": one.title,
        "description": one.description,
        "settings": one.settings_model.model_json_schema(),
        "payload": one.payload_model.model_json_schema() if one.payload_model else None,
    }
