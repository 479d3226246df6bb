"""The plan of a passage that began late: looked at, chosen, confirmed."""

from __future__ import annotations

from typing import cast

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from engine.models import Instance
from engine.services import late_plans
from engine.services.moves import Choice
from journeys import clock
from journeys.errors import ServiceError
from journeys.models import Vendor
from journeys.scoping import owned_by
from monitoring.access import actor_of, vendor_deed, vendor_page
from monitoring.views.moves import CHOICE, CHOICES
from monitoring.views.page import back, say, show


@require_safe
@vendor_page
def instance_plan(request: HttpRequest, vendor: Vendor, instance_id: str) -> HttpResponse:
    """Show what is ahead of a passage, and ask for a yes where it is held."""
    now = clock.now()
    instance = _instance(vendor, instance_id)
    plan = late_plans.plan_of(instance, now=now)
    return show(
        request,
        "monitoring/plan.html",
        vendor=vendor,
        now=now,
        client=instance.client,
        instance=instance,
        plan=plan,
        held=plan.record is not None and plan.record.status == plan.record.Status.WAITING,
        zone=instance.wedding.time_zone if instance.wedding else vendor.time_zone,
        choices=CHOICES,
        prefix=CHOICE,
        page_url=f"/journey-monitor/couples/{instance.client.public_id}/",
    )


@require_POST
@vendor_deed
def instance_plan_confirm(request: HttpRequest, vendor: Vendor, instance_id: str) -> HttpResponse:
    """Let a held passage go on as its plan says."""
    instance = _instance(vendor, instance_id)
    known = {name for name, _ in CHOICES}
    choices = {
        name.removeprefix(CHOICE): cast("Choice", value)
        for name, value in request.POST.items()
        if name.startswith(CHOICE) and value in known and value != "rule"
    }
    try:
        late_plans.confirm(instance=instance, choices=choices, now=clock.now(), actor=actor_of(request))
    except ServiceError as refusal:
        say(request, refusal.message, failed=True)
    else:
        say(request, f"{instance.journey.name} goes on as planned.")
    return back(request, f"/journey-monitor/couples/{instance.client.public_id}/")


def _instance(vendor: Vendor, instance_id: str) -> Instance:
    rows = owned_by(vendor, Instance).select_related("client", "journey", "wedding", "vendor")
    instance = rows.filter(public_id=instance_id).first()
    if instance is None:
        raise Http404
    return instance
