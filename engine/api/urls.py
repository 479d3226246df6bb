"""Addresses of what runs, below /api/."""

from __future__ import annotations

from engine.api.views import events, insight, instances, queue, tickets
from journeys.api.routes import route

_INSTANCE = "journey-engine/instances/<public_id:instance_id>"
_TICKET = "journey-engine/tickets/<public_id:ticket_id>"

urlpatterns = [
    route("journeys/trigger", events.Events, "events"),
    route("journey-engine/instances", instances.Instances, "instances"),
    route("journey-engine/instances/bulk", instances.InstancesBulk, "instances-bulk"),
    route(_INSTANCE, instances.InstanceView, "instance"),
    route(f"{_INSTANCE}/pause", instances.InstancePause, "instance-pause"),
    route(f"{_INSTANCE}/resume", instances.InstanceResume, "instance-resume"),
    route(f"{_INSTANCE}/cancel", instances.InstanceCancel, "instance-cancel"),
    route(f"{_INSTANCE}/retry", instances.InstanceRetry, "instance-retry"),
    route(f"{_INSTANCE}/timeline", insight.InstanceTimeline, "instance-timeline"),
    route("journey-engine/metrics", insight.Metrics, "metrics"),
    route("journey-engine/executions", instances.Executions, "executions"),
    route("journey-engine/errors", tickets.Errors, "errors"),
    route("journey-engine/tickets", tickets.Tickets, "tickets"),
    route(_TICKET, tickets.TicketView, "ticket"),
    route(f"{_TICKET}/retry", tickets.TicketRetry, "ticket-retry"),
    route(f"{_TICKET}/skip", tickets.TicketSkip, "ticket-skip"),
    route(f"{_TICKET}/cancel", tickets.TicketCancel, "ticket-cancel"),
    route("journey-engine/queue", queue.Queue, "queue"),
    route("journey-engine/modules", queue.Modules, "modules"),
]
