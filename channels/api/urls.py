"""Addresses of what is delivered, below /api/."""

from __future__ import annotations

from channels.api.circuits import CircuitClose, CircuitOpen, CircuitReset, Circuits, CircuitView
from channels.api.views import MessageAnswered, Messages, MessageView
from journeys.api.routes import route

urlpatterns = [
    route("journey-engine/messages", Messages, "messages"),
    route("journey-engine/messages/<public_id:message_id>", MessageView, "message"),
    route("journey-engine/messages/<public_id:message_id>/answered", MessageAnswered, "message-answered"),
    route("journey-engine/circuits", Circuits, "circuits"),
    route("journey-engine/circuits/<public_id:circuit_id>", CircuitView, "circuit"),
    route("journey-engine/circuits/<public_id:circuit_id>/open", CircuitOpen, "circuit-open"),
    route("journey-engine/circuits/<public_id:circuit_id>/close", CircuitClose, "circuit-close"),
    route("journey-engine/circuits/<public_id:circuit_id>/reset", CircuitReset, "circuit-reset"),
]
