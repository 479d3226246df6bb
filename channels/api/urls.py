"""Addresses of what is delivered, below /api/."""

from __future__ import annotations

from channels.api.views import MessageAnswered, Messages, MessageView
from journeys.api.routes import route

urlpatterns = [
    route("journey-engine/messages", Messages, "messages"),
    route("journey-engine/messages/<public_id:message_id>", MessageView, "message"),
    route("journey-engine/messages/<public_id:message_id>/answered", MessageAnswered, "message-answered"),
]
