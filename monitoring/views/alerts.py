"""Alerts: what is wrong with the system. Doubts: messages of which nobody knows whether they went out."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from channels.models import Message
from engine.services.doubts import doubt_settle
from journeys import clock
from journeys.errors import ServiceError
from journeys.models import Vendor
from journeys.scoping import owned_by
from monitoring.access import actor_of, vendor_deed, vendor_page
from monitoring.selectors.alerts import alert_rows, doubt_rows, promise_rows, visible_alerts
from monitoring.services.alerts import alert_acknowledge
from monitoring.views.page import back, is_staff, say, show

ALERTS = "/journey-monitor/alerts/"
DOUBTS = "/journey-monitor/in-doubt/"
SAID = {
    "sent": "It is taken for sent, and the journey goes on.",
    "again": "It is sent again as soon as the rules let it.",
}


@require_safe
@vendor_page
def alert_list(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """List what is wrong now, or what was mended lately; operators also see what the doctor found."""
    staff = is_staff(request)
    resolved = request.GET.get("status") == "resolved"
    return show(
        request,
        "monitoring/alerts.html",
        vendor=vendor,
        now=clock.now(),
        rows=alert_rows(vendor=vendor, staff=staff, resolved=resolved),
        promises=promise_rows() if staff and not resolved else [],
        resolved=resolved,
    )


@require_POST
@vendor_deed
def alert_take_up(request: HttpRequest, vendor: Vendor, alert_id: str) -> HttpResponse:
    """Say that somebody is at it."""
    alert = visible_alerts(vendor=vendor, staff=is_staff(request)).filter(public_id=alert_id).first()
    if alert is None:
        raise Http404
    try:
        alert_acknowledge(alert=alert, now=clock.now(), actor=actor_of(request))
    except ServiceError as refusal:
        say(request, refusal.message, failed=True)
    else:
        say(request, "It is yours. Nobody is written to about it again.")
    return back(request, ALERTS)


@require_safe
@vendor_page
def doubt_list(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """List messages in doubt, with what is being done about each."""
    return show(
        request,
        "monitoring/doubts.html",
        vendor=vendor,
        now=clock.now(),
        rows=doubt_rows(vendor=vendor),
    )


@require_POST
@vendor_deed
def doubt_act(request: HttpRequest, vendor: Vendor, message_id: str) -> HttpResponse:
    """Say that a message was sent, or that it was not and is to be sent again."""
    message = owned_by(vendor, Message).select_related("vendor").filter(public_id=message_id).first()
    answer = request.POST.get("was", "")
    if message is None or answer not in SAID:
        raise Http404
    try:
        doubt_settle(message=message, sent=answer == "sent", now=clock.now(), actor=actor_of(request))
    except ServiceError as refusal:
        say(request, refusal.message, failed=True)
    else:
        say(request, SAID[answer])
    return back(request, DOUBTS)
