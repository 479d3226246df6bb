"""Pages that look ahead and say why."""

from __future__ import annotations

import datetime as dt

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from pydantic import ValidationError

from engine.models import Instance
from engine.services import simulating
from engine.services.explaining import explain_instance
from engine.simulation.given import Assumptions, InventedCouple
from journeys import clock
from journeys.errors import ServiceError
from journeys.language.zones import local_time
from journeys.models import Journey, Vendor
from journeys.scoping import owned_by
from monitoring.access import vendor_page
from monitoring.rendering import ahead as rendering
from monitoring.views.page import show

#: Ways that the page draws.
MOST_WAYS = 12
#: A wedding that nobody named is so far ahead.
USUAL = dt.timedelta(days=365)


@require_safe
@vendor_page
def journey_ahead(request: HttpRequest, vendor: Vendor, journey_id: str) -> HttpResponse:
    """Show everything that a journey would do with a couple that marries on a day."""
    now = clock.now()
    journey = owned_by(vendor, Journey).select_related("vendor", "current_version").filter(
        public_id=journey_id
    ).first()  # fmt: skip
    if journey is None:
        raise Http404
    today = local_time(now, vendor.time_zone).date()
    asked: dict[str, object] = {
        "date": request.GET.get("date") or (today + USUAL).isoformat(),
        "started": request.GET.get("started") or today.isoformat(),
        "ways": "every" if request.GET.get("ways") == "every" else "likely",
        "answers": "at_once" if request.GET.get("answers") == "at_once" else "never",
        "draft": request.GET.get("draft") == "1" or journey.current_version is None,
    }
    context: dict[str, object] = {"journey": journey, "asked": asked}
    try:
        context |= _looked(journey, vendor, asked, now=now)
    except ValidationError:
        context["refused"] = "A date can not be read: write it as 2027-06-12."
    except ServiceError as refusal:
        context["refused"] = refusal.message
    return show(request, "monitoring/ahead.html", vendor=vendor, now=now, **context)


def _looked(
    journey: Journey, vendor: Vendor, asked: dict[str, object], *, now: dt.datetime
) -> dict[str, object]:
    """Look ahead with what was asked for.

    Raises:
        ValidationError: a date can not be read.
        ServiceError: the journey can not be run, or a variable has no value.
    """
    given = InventedCouple.model_validate(
        {
            "wedding": {"date": asked["date"], "time": "15:30", "zone": vendor.time_zone},
            "started": f"{asked['started']}T{local_time(now, vendor.time_zone):%H:%M}",
        }
    )
    subject = simulating.subject_of(journey=journey, draft=bool(asked["draft"]))
    (outlook,) = simulating.simulate(
        subject=subject,
        assumptions=Assumptions.model_validate(
            {"ways": asked["ways"], "answers": asked["answers"], "most_ways": MOST_WAYS}
        ),
        invented=[given],
        now=now,
    )
    day = given.wedding.date if given.wedding else None
    drawn = rendering.ways_of(outlook, graph=subject.graph, day=day, now=now)
    strong, rest = rendering.sentence(outlook, drawn)
    return {"outlook": outlook, "ways": drawn, "strong": strong, "rest": rest, "subject": subject}


@require_safe
@vendor_page
def instance_why(request: HttpRequest, vendor: Vendor, instance_id: str) -> HttpResponse:
    """Say why each step of a couple's passage happened, did not, or will."""
    now = clock.now()
    rows = owned_by(vendor, Instance).select_related(
        "journey", "version", "client", "wedding", "vendor", "trigger_event"
    )
    instance = rows.filter(public_id=instance_id).first()
    if instance is None:
        raise Http404
    step = request.GET.get("step", "")[:64]
    try:
        found = explain_instance(instance=instance, step=step, now=now)
    except ServiceError as refusal:
        raise Http404 from refusal
    zone = instance.wedding.time_zone if instance.wedding else vendor.time_zone
    return show(
        request,
        "monitoring/why.html",
        vendor=vendor,
        now=now,
        instance=instance,
        client=instance.client,
        step=step,
        found=found,
        zone=zone,
        steps=[rendering.explained(entry, zone=zone, now=now) for entry in found["steps"]],
    )
