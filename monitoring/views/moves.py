"""Move a wedding after a look at what moves with it, cancel it, and take a move back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from engine.services import rescheduling
from engine.services.moves import Choice
from engine.services.rescheduling import Rescheduled
from journeys import clock
from journeys.errors import ServiceError
from journeys.models import Client, Vendor, Wedding
from journeys.selectors import main_wedding
from monitoring.access import actor_of, vendor_deed
from monitoring.selectors.couples import couple
from monitoring.views.page import back, say, show
from monitoring.wording import counted

#: What a choice is called on the page.
CHOICES: tuple[tuple[Choice, str], ...] = (
    ("rule", "As the step says"),
    ("send", "Do it now"),
    ("skip", "Skip it"),
    ("ask", "Ask me"),
)
#: Fields of the form that carry a choice begin so, followed by the step's reference.
CHOICE = "choice:"


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is done to a wedding's dates, looked at first."""

    title: str
    #: What the button says that does it.
    button: str
    #: What is said when it is done, before the count of steps.
    done: str
    #: Leave it as it is.
    keep: str = "Leave it as it is"


MOVE = Deed("Move the wedding", "Move the wedding", "The wedding is moved.")
CLEAR = Deed("Take the date away", "Take the date away", "The date is taken away.")
UNDO = Deed("Take the change back", "Take it back", "The former dates are back.")
CANCEL = Deed("Cancel the wedding", "Cancel the wedding", "The wedding is cancelled.", "Keep the wedding")


@require_POST
@vendor_deed
def couple_move(request: HttpRequest, vendor: Vendor, client_id: str) -> HttpResponse:
    """Show what would move with the wedding, and move it once that was seen."""
    wedding = _wedding(vendor, client_id)
    try:
        date, time, zone = _read(request)
    except ValueError:
        say(request, "The date or time can not be read. Write them as 2027-06-26 and 15:30.", failed=True)
        return back(request, _page(wedding.client))
    kept = {
        "date": date.isoformat() if date else "",
        "time": f"{time:%H:%M}" if time else "",
        "time_zone": zone,
    }

    def carry_out(now: dt.datetime, *, dry_run: bool) -> Rescheduled:
        return rescheduling.reschedule(
            wedding=wedding,
            date=date,
            time=time,
            time_zone=zone or None,
            choices=_choices(request),
            dry_run=dry_run,
            now=now,
            actor=actor_of(request),
        )

    return _look_or_do(
        request,
        vendor,
        wedding=wedding,
        deed=MOVE if date else CLEAR,
        carry_out=carry_out,
        kept=kept,
        address="move",
    )


@require_POST
@vendor_deed
def couple_move_undo(request: HttpRequest, vendor: Vendor, client_id: str) -> HttpResponse:
    """Show what taking the newest change back does, and do it once that was seen."""
    wedding = _wedding(vendor, client_id)
    move = request.POST.get("move", "")[:40]

    def carry_out(now: dt.datetime, *, dry_run: bool) -> Rescheduled:
        return rescheduling.undo(
            wedding=wedding, move_ref=move or None, dry_run=dry_run, now=now, actor=actor_of(request)
        )

    return _look_or_do(
        request,
        vendor,
        wedding=wedding,
        deed=UNDO,
        carry_out=carry_out,
        kept={"move": move},
        address="move/undo",
    )


@require_POST
@vendor_deed
def couple_cancel(request: HttpRequest, vendor: Vendor, client_id: str) -> HttpResponse:
    """Show which journeys end with a wedding that is cancelled, and cancel it once that was seen."""
    wedding = _wedding(vendor, client_id)

    def carry_out(now: dt.datetime, *, dry_run: bool) -> Rescheduled:
        return rescheduling.cancel(wedding=wedding, dry_run=dry_run, now=now, actor=actor_of(request))

    return _look_or_do(
        request, vendor, wedding=wedding, deed=CANCEL, carry_out=carry_out, kept={}, address="cancel"
    )


def _look_or_do(
    request: HttpRequest,
    vendor: Vendor,
    *,
    wedding: Wedding,
    deed: Deed,
    carry_out: Callable[..., Rescheduled],
    kept: dict[str, str],
    address: str,
) -> HttpResponse:
    """Show a rehearsal, or do it where it was confirmed."""
    now = clock.now()
    page = _page(wedding.client)
    confirmed = "confirmed" in request.POST
    try:
        result = carry_out(now, dry_run=not confirmed)
    except ServiceError as refusal:
        say(request, refusal.message, failed=True)
        return back(request, page)
    report = result.report
    if confirmed:
        number = len(report.steps)
        with_it = f"{counted(number, 'step', 'steps')} moved with it." if number else "No step had to move."
        say(request, f"{deed.done} {with_it}" if not report.ended else deed.done)
        return back(request, page)
    return show(
        request,
        "monitoring/move.html",
        vendor=vendor,
        now=now,
        client=wedding.client,
        deed=deed,
        report=report,
        moving=[one for one in report.steps if not one.past and one.effect != "parks"],
        choices=CHOICES,
        prefix=CHOICE,
        kept=kept,
        action=f"{page}{address}",
        page_url=page,
    )


def _wedding(vendor: Vendor, client_id: str) -> Wedding:
    client = couple(vendor=vendor, public_id=client_id)
    wedding = main_wedding(client) if client is not None else None
    if wedding is None:
        raise Http404
    return Wedding.objects.select_related("vendor", "client").get(pk=wedding.pk)


def _page(client: Client) -> str:
    return f"/journey-monitor/couples/{client.public_id}/"


def _read(request: HttpRequest) -> tuple[dt.date | None, dt.time | None, str]:
    """Read the form's date, time and zone.

    Raises:
        ValueError: one of them can not be read.
    """
    day, at = request.POST.get("date", "").strip(), request.POST.get("time", "").strip()
    return (
        dt.date.fromisoformat(day) if day else None,
        dt.time.fromisoformat(at) if at else None,
        request.POST.get("time_zone", "").strip()[:64],
    )


def _choices(request: HttpRequest) -> dict[str, Choice]:
    """Read the choice of each past step; a word that is none leaves it to the step's rule."""
    known = {name for name, _ in CHOICES}
    return {
        name.removeprefix(CHOICE): cast("Choice", value)
        for name, value in request.POST.items()
        if name.startswith(CHOICE) and value in known and value != "rule"
    }
