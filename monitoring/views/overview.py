"""The overview, and whose it is."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from journeys import clock
from journeys.models import Vendor
from monitoring.access import CHOSEN, vendor_page
from monitoring.rendering.overview import context
from monitoring.selectors.overview import overview
from monitoring.views.page import back, show


@require_safe
@vendor_page
def overview_page(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """Say whether everything that is due goes out, and where couples stand."""
    now = clock.now()
    view = overview(vendor=vendor, now=now)
    return show(request, "monitoring/overview.html", vendor=vendor, **{**context(view, vendor), "now": now})


@require_POST
@vendor_page
def choose_vendor(request: HttpRequest, _vendor: Vendor) -> HttpResponse:
    """Look at another vendor the person works for; a wrong one changes nothing."""
    wanted = request.POST.get("vendor", "")
    if any(one.public_id == wanted for one in request.vendors):  # type: ignore[attr-defined]
        request.session[CHOSEN] = wanted
    return back(request)
