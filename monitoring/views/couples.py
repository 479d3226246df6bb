"""Couples: find one, and see what it has had and what comes next."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from engine.models import Instance
from journeys import clock
from journeys.errors import ServiceError
from journeys.models import Client, Vendor, Wedding
from journeys.selectors import main_wedding
from monitoring.access import actor_of, vendor_deed, vendor_page
from monitoring.rendering import couple as rendering
from monitoring.selectors.couples import couple, couple_line, couple_page, sink_pages
from monitoring.services.moving import move
from monitoring.views.page import back, say, show
from monitoring.wording import counted

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
            "people": list(wedding.stakeholders.all()) if wedding else [],
            "tasks": [task for task in client.tasks.all() if task.done_at is None],
        },
    )


def _read(request: HttpRequest) -> tuple[dt.date | None, dt.time | None, str]:
    """Read the form's date, time and zone; an unreadable one is refused with a sentence."""
    day, at = request.POST.get("date", "").strip(), request.POST.get("time", "").strip()
    return (
        dt.date.fromisoformat(day) if day else None,
        dt.time.fromisoformat(at) if at else None,
        request.POST.get("time_zone", "").strip()[:64],
    )


@require_POST
@vendor_deed
def couple_move(request: HttpRequest, vendor: Vendor, client_id: str) -> HttpResponse:
    """Show what would move with the wedding, and move it once that was seen."""
    now = clock.now()
    client = _couple(vendor, client_id)
    page = f"/journey-monitor/couples/{client.public_id}/"
    wedding = main_wedding(client)
    if wedding is None:
        raise Http404
    try:
        date, time, zone = _read(request)
    except ValueError:
        say(request, "The date or time can not be read. Write them as 2027-06-26 and 15:30.", failed=True)
        return back(request, page)
    confirmed = "confirmed" in request.POST
    try:
        steps = move(
            wedding=Wedding.objects.select_related("vendor", "client").get(pk=wedding.pk),
            date=date,
            time=time,
            time_zone=zone,
            now=now,
            actor=actor_of(request),
            rehearse=not confirmed,
        )
    except ServiceError as refusal:
        say(request, refusal.message, failed=True)
        return back(request, page)
    if confirmed:
        with_it = (
            f"{counted(len(steps), 'step', 'steps')} moved with it." if steps else "No step had to move."
        )
        say(request, f"The wedding is moved. {with_it}")
        return back(request, page)
    return show(
        request,
        "monitoring/move.html",
        vendor=vendor,
        now=now,
        client=client,
        wedding=wedding,
        date=date,
        time=time,
        time_zone=zone or wedding.time_zone,
        steps=steps,
        past=sum(1 for one in steps if one.past),
        parked=sum(1 for one in steps if one.after is None),
        page_url=page,
    )
