"""What every page of the monitor has in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from engine.models import InterventionTicket
from journeys.models import Vendor
from journeys.scoping import owned_by
from monitoring.access import may_act
from monitoring.selectors.alerts import alerts_open, doubts_open
from monitoring.selectors.approvals import waiting

HOME = "/journey-monitor/"


def show(
    request: HttpRequest, template: str, *, vendor: Vendor, now: datetime, **context: Any
) -> HttpResponse:
    """Print a page with what the frame around it needs."""
    if "tickets_open" not in context:
        context["tickets_open"] = (
            owned_by(vendor, InterventionTicket).filter(status=InterventionTicket.Status.OPEN).count()
        )
    if "approvals_open" not in context:
        context["approvals_open"] = waiting(vendor=vendor)
    context |= {
        "alerts_open": alerts_open(vendor=vendor, staff=is_staff(request)),
        "doubts_open": doubts_open(vendor=vendor),
    }
    frame = {
        "vendor": vendor,
        "vendors": getattr(request, "vendors", []),
        "may_act": may_act(request.user, vendor),
        "now": now,
        "here": request.get_full_path(),
    }
    response = render(request, template, {**frame, **context})
    response["Cache-Control"] = "private, no-store"
    return response


def is_staff(request: HttpRequest) -> bool:
    """Tell whether a person runs the whole system, so that what is wrong with it is theirs."""
    return bool(getattr(request.user, "is_staff", False))


def back(request: HttpRequest, default: str = HOME) -> HttpResponseRedirect:
    """Go back to the page a form was on, if it is one of ours."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/")
    return HttpResponseRedirect(wanted if safe else default)


def say(request: HttpRequest, text: str, *, failed: bool = False) -> None:
    """Leave a sentence for the next page."""
    messages.add_message(request, messages.ERROR if failed else messages.SUCCESS, text)
