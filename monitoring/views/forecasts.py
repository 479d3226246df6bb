"""What the days ahead bring."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from journeys import clock
from journeys.models import Vendor
from monitoring.access import vendor_page
from monitoring.forecast import USUAL_DAYS, forecast
from monitoring.forecast.turns import UnderWay, one_at_a_time
from monitoring.rendering.forecast import context
from monitoring.views.page import show

#: Spans that the page offers, in days.
SPANS = (30, USUAL_DAYS, 180)


@require_safe
@vendor_page
def forecast_page(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """Say how many steps each day brings, which days are far above the others, and what that takes; 60 days if unasked."""
    now = clock.now()
    asked = request.GET.get("days", "")
    days = next((span for span in SPANS if str(span) == asked), USUAL_DAYS)
    frame: dict[str, Any] = {"vendor": vendor, "now": now, "days": days, "spans": SPANS}
    try:
        with one_at_a_time(vendor):
            found = forecast(vendor=vendor, days=days, now=now)
    except UnderWay:
        return show(request, "monitoring/forecast.html", under_way=True, **frame)
    return show(request, "monitoring/forecast.html", **context(found), **frame)
