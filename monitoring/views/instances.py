"""The list of instances, and what may be done with one or many of them."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from engine.services import bulk
from journeys import clock
from journeys.models import Vendor
from monitoring.access import actor_of, vendor_deed, vendor_page
from monitoring.selectors.instances import instance_page, instances_by_ids
from monitoring.selectors.journeys import journey_rows
from monitoring.services.deeds import DEEDS, act
from monitoring.views.page import back, say, show
from monitoring.wording import counted

LIST = "/journey-monitor/instances/"
#: Above so many the number is typed before journeys are stopped.
TYPED_OVER = 10
#: No more are taken in one go.
MOST = 500
LARGEST_KEY = 2**63 - 1

#: What the list can be narrowed to.
STATUSES = (
    ("", "All"),
    ("active", "On their way"),
    ("paused", "Paused"),
    ("needs", "Need a person"),
    ("late", "Late"),
    ("completed", "Completed"),
    ("cancelled", "Cancelled"),
    ("failed", "Failed"),
)


@require_safe
@vendor_page
def instance_list(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """List who is in which journey, newest first."""
    now = clock.now()
    status = request.GET.get("status", "")
    journey = request.GET.get("journey", "")[:32]
    page = instance_page(
        vendor=vendor, now=now, status=status, journey=journey, after=_number(request.GET.get("after", ""))
    )
    older = request.GET.copy()
    older["after"] = str(page.after)
    return show(
        request,
        "monitoring/instances.html",
        vendor=vendor,
        now=now,
        page=page,
        status=status,
        journey=journey,
        statuses=STATUSES,
        journeys=journey_rows(vendor=vendor),
        older=older.urlencode() if page.after else "",
    )


def _number(text: str) -> int | None:
    return min(int(text), LARGEST_KEY) if text.isascii() and text.isdigit() else None


@dataclass(frozen=True, slots=True)
class _Asked:
    deed: str
    ids: list[str]
    #: More are meant than are taken at once.
    more: bool = False


#: Whom a deed for a whole journey is meant for: those it changes something for.
MEANT = {"pause": "active", "resume": "paused"}


def _asked(request: HttpRequest, vendor: Vendor) -> _Asked:
    """Read what is to be done: `one` is "pause:ins_…" for a single row, `do` and `ids` for the chosen ones.

    `journey` in place of `ids` means everybody in it whom the deed is meant for, the oldest first.
    """
    deed, _, single = request.POST.get("one", "").partition(":")
    if single:
        return _Asked(deed, [single])
    deed, journey = request.POST.get("do", ""), request.POST.get("journey", "")[:40]
    if journey and deed in MEANT:
        ids, following = bulk.choose(vendor, bulk.Chosen(journey=journey, status=MEANT[deed]))
        return _Asked(deed, ids, more=following is not None)
    return _Asked(deed, request.POST.getlist("ids")[:MOST])


@require_POST
@vendor_deed
def instance_act(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """Pause, resume, retry or stop the chosen instances; stopping is asked for first."""
    now = clock.now()
    asked = _asked(request, vendor)
    deed = DEEDS.get(asked.deed)
    instances = instances_by_ids(vendor=vendor, public_ids=asked.ids)
    if deed is None or not instances:
        say(request, "Nothing was chosen, so nothing was changed.", failed=True)
        return back(request, LIST)
    typed = request.POST.get("number", "").strip()
    confirmed = "confirmed" in request.POST and (len(instances) <= TYPED_OVER or typed == str(len(instances)))
    if deed.final and not confirmed:
        return show(
            request,
            "monitoring/stop.html",
            vendor=vendor,
            now=now,
            instances=instances,
            number=len(instances),
            typed=len(instances) > TYPED_OVER,
            wrong="confirmed" in request.POST,
            next=request.POST.get("next", LIST),
        )
    outcome = act(deed=deed, instances=instances, now=now, actor=actor_of(request))
    if outcome.done:
        say(request, f"{deed.done} {counted(outcome.done, 'journey', 'journeys')}.")
    if asked.more:
        say(request, "There are more: do the same again for the next ones.")
    for sentence, count in outcome.refused.items():
        say(request, sentence if count == 1 else f"{count} times: {sentence}", failed=True)
    return back(request, LIST)
