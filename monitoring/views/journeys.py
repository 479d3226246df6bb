"""Journeys and their steps, to read."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from journeys import clock
from journeys.models import Vendor
from monitoring.access import vendor_page
from monitoring.selectors.journeys import journey_rows, journey_steps
from monitoring.views.page import show


@require_safe
@vendor_page
def journey_list(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """List the vendor's journeys with how many couples are inside each."""
    return show(
        request,
        "monitoring/journeys.html",
        vendor=vendor,
        now=clock.now(),
        journeys=journey_rows(vendor=vendor),
    )


@require_safe
@vendor_page
def journey_page(request: HttpRequest, vendor: Vendor, journey_id: str) -> HttpResponse:
    """Show the published steps of one journey and who stands where."""
    steps = journey_steps(vendor=vendor, public_id=journey_id)
    if steps is None:
        raise Http404
    return show(
        request,
        "monitoring/journey.html",
        vendor=vendor,
        now=clock.now(),
        steps=steps,
        journey=steps.journey,
        standing=sum(line.here for line in steps.lines),
    )
