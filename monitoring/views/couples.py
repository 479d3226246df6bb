"""Couples: find one, and see what it has had and what comes next."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from engine.models import Instance
from engine.services.late_plans import waiting as plans_waiting
from engine.services.rescheduling import move_to_undo
from journeys import clock
from journeys.models import Client, Vendor
from journeys.selectors import main_wedding
from monitoring.access import vendor_page
from monitoring.rendering import couple as rendering
from monitoring.selectors.couples import couple, couple_line, couple_page, sink_pages
from monitoring.views.page import show

#: Nobody pages further than this through a list that can be searched.
MOST_PAGES = 40


@require_safe
@vendor_page
def couple_list(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """List couples, the next wedding first, or those that a search finds."""
    now = clock.now()
    query = request.GET.get("q", "").strip()[:320]
    number = request.GET.get("page", "1")
    page = couple_page(
        vendor=vendor,
        now=now,
        query=query,
        page=max(1, min(MOST_PAGES, int(number))) if number.isascii() and number.isdigit() else 1,
    )
    return show(
        request,
        "monitoring/couples.html",
        vendor=vendor,
        now=now,
        page=page,
        query=query,
        before=page.page - 1,
        after=page.page + 1,
    )


def _couple(vendor: Vendor, public_id: str) -> Client:
    client = couple(vendor=vendor, public_id=public_id)
    if client is None:
        raise Http404
    return client


@require_safe
@vendor_page
def couple_timeline(request: HttpRequest, vendor: Vendor, client_id: str) -> HttpResponse:
    """Show one couple's time line."""
    now = clock.now()
    client = _couple(vendor, client_id)
    wedding = main_wedding(client)
    instances = list(Instance.objects.filter(client=client).select_related("journey").order_by("-pk"))
    entries = couple_line(client=client, instances=instances, now=now)
    messages = [message for entry in entries for message in entry.messages]
    live = [one for one in instances if one.status in Instance.LIVE]
    held = {plan.instance_id for plan in plans_waiting(vendor)}
    context: dict[str, Any] = rendering.context(
        client=client, wedding=wedding, entries=entries, pages=sink_pages(messages=messages), now=now
    )
    return show(
        request,
        "monitoring/couple.html",
        vendor=vendor,
        **{
            **context,
            "now": now,
            "client": client,
            "wedding": wedding,
            "instances": instances,
            "pausable": [one for one in live if one.status == Instance.Status.ACTIVE],
            "resumable": [one for one in live if one.status == Instance.Status.PAUSED],
            "live": live,
            "plans": [one for one in live if one.pk in held],
            "newest_move": move_to_undo(wedding) if wedding else None,
            "people": list(wedding.stakeholders.all()) if wedding else [],
            "tasks": [task for task in client.tasks.all() if task.done_at is None],
        },
    )
