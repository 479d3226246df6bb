"""Tickets: what only a person can settle."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from engine.models import InterventionTicket
from engine.services.tickets import ticket_cancel, ticket_retry, ticket_skip
from journeys import clock
from journeys.errors import ServiceError
from journeys.models import Vendor
from journeys.scoping import owned_by
from monitoring.access import actor_of, vendor_deed, vendor_page
from monitoring.selectors.instances import ticket_rows
from monitoring.views.page import back, say, show

LIST = "/journey-monitor/tickets/"
DEEDS = {
    "retry": (ticket_retry, "The step is being tried again."),
    "skip": (ticket_skip, "The step is skipped and the journey goes on."),
    "cancel": (ticket_cancel, "The journey is stopped for this couple."),
}


@require_safe
@vendor_page
def ticket_list(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """List what is open, or what was settled lately."""
    now = clock.now()
    status = "resolved" if request.GET.get("status") == "resolved" else "open"
    rows = ticket_rows(vendor=vendor, status=status)
    return show(request, "monitoring/tickets.html", vendor=vendor, now=now, rows=rows, status=status)


@require_POST
@vendor_deed
def ticket_act(request: HttpRequest, vendor: Vendor, ticket_id: str, deed: str) -> HttpResponse:
    """Try the step again, skip it, or stop the journey for this couple; stopping is asked for first."""
    now = clock.now()
    ticket = (
        owned_by(vendor, InterventionTicket)
        .select_related("instance__client", "instance__journey")
        .filter(public_id=ticket_id)
        .first()
    )
    if ticket is None or deed not in DEEDS:
        raise Http404
    if deed == "cancel" and "confirmed" not in request.POST:
        return show(
            request,
            "monitoring/stop.html",
            vendor=vendor,
            now=now,
            instances=[ticket.instance],
            number=1,
            next=request.POST.get("next", LIST),
            action=request.path,
        )
    service, sentence = DEEDS[deed]
    try:
        service(ticket=ticket, now=now, actor=actor_of(request))
    except ServiceError as refusal:
        say(request, refusal.message, failed=True)
    else:
        say(request, sentence)
    return back(request, LIST)
