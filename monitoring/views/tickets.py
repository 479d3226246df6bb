"""Tickets: what only a person can settle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from engine.models import InterventionTicket, TicketLine
from engine.services.correcting import Correction, ticket_edit_and_retry
from engine.services.tickets import DEEDS, Worked, ticket_assign, ticket_work
from journeys import clock
from journeys.errors import ServiceError
from journeys.models import Vendor
from journeys.scoping import owned_by
from monitoring.access import actor_of, vendor_deed, vendor_page
from monitoring.selectors.tickets import line_rows, stopped_instances, ticket_row, ticket_rows
from monitoring.views.page import back, say, show
from monitoring.wording import counted

LIST = "/journey-monitor/tickets/"
#: Above so many the number is typed before journeys are stopped.
TYPED_OVER = 10
LONGEST = 254
MOST_DIGITS = 9

#: What is said of one step, and of several.
SENTENCES = {
    "retry": ("The step is being tried again.", "{} are being tried again."),
    "skip": ("The step is skipped and the journey goes on.", "{} are skipped and their journeys go on."),
    "cancel": ("The journey is stopped for this couple.", "The journeys of {} are stopped."),
    "resend": ("The message is being sent again.", "The messages of {} are being sent again."),
    "mark_sent": ("The message counts as sent.", "The messages of {} count as sent."),
}


@require_safe
@vendor_page
def ticket_list(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """List what is open, or what was settled lately."""
    now = clock.now()
    status = "resolved" if request.GET.get("status") == "resolved" else "open"
    rows = ticket_rows(vendor=vendor, status=status)
    steps = sum(row.lines_open for row in rows)
    return show(
        request, "monitoring/tickets.html", vendor=vendor, now=now, rows=rows, status=status, steps=steps
    )


@require_safe
@vendor_page
def ticket_page(request: HttpRequest, vendor: Vendor, ticket_id: str) -> HttpResponse:
    """Show one cause with the steps that it has stopped, page by page."""
    row = ticket_row(vendor=vendor, public_id=ticket_id)
    if row is None:
        raise Http404
    after = request.GET.get("after", "")
    number = int(after) if after.isascii() and after.isdigit() and len(after) <= MOST_DIGITS else None
    lines, more = line_rows(vendor=vendor, ticket=row.ticket, after=number)
    now = clock.now()
    return show(request, "monitoring/ticket.html", vendor=vendor, now=now, row=row, lines=lines, more=more)


def _lines(vendor: Vendor, public_id: str) -> tuple[InterventionTicket, list[TicketLine], list[str] | None]:
    """Find a ticket, or the ticket of one line, with the open lines that are meant.

    Raises:
        Http404: the vendor has none of this id.
    """
    open_ones = owned_by(vendor, TicketLine).filter(status=TicketLine.Status.OPEN)
    if public_id.startswith("tln_"):
        line = owned_by(vendor, TicketLine).select_related("ticket").filter(public_id=public_id).first()
        if line is None:
            raise Http404
        return line.ticket, [line], [public_id]
    ticket = owned_by(vendor, InterventionTicket).filter(public_id=public_id).first()
    if ticket is None:
        raise Http404
    return ticket, list(open_ones.filter(ticket=ticket).order_by("id")), None


@require_POST
@vendor_deed
def ticket_act(request: HttpRequest, vendor: Vendor, ticket_id: str, deed: str) -> HttpResponse:
    """Work a ticket with all that it has stopped, or one step of it; stopping journeys is asked for first."""
    now = clock.now()
    name = deed.replace("-", "_")
    ticket, lines, line_ids = _lines(vendor, ticket_id)
    if name == "cancel":
        asked = _asks_first(request, vendor, lines, now=now)
        if asked is not None:
            return asked
    work = partial(ticket_work, ticket=ticket, deed=DEEDS[name], name=name, line_ids=line_ids)
    one, many = SENTENCES[name]
    _carry_out(request, partial(work, now=now, actor=actor_of(request)), one, many)
    return back(request, LIST)


def _asks_first(
    request: HttpRequest, vendor: Vendor, lines: Sequence[TicketLine], *, now: datetime
) -> HttpResponse | None:
    """Give the page that asks whether journeys are to be stopped; None when that was answered."""
    instances = stopped_instances(vendor=vendor, lines=lines)
    typed = len(instances) > TYPED_OVER
    wrong = "number" in request.POST and request.POST["number"].strip() != str(len(instances))
    if "confirmed" in request.POST and not wrong and not (typed and "number" not in request.POST):
        return None
    return show(
        request,
        "monitoring/stop.html",
        vendor=vendor,
        now=now,
        instances=instances,
        number=len(instances),
        next=request.POST.get("next", LIST),
        action=request.path,
        typed=typed,
        wrong=wrong,
    )


@require_POST
@vendor_deed
def ticket_edit(request: HttpRequest, vendor: Vendor, ticket_id: str) -> HttpResponse:
    """Put a couple's data right and try again what it has stopped."""
    ticket, _, line_ids = _lines(vendor, ticket_id)
    name = request.POST.get("field", "").strip()[:LONGEST]
    correction = Correction(
        email=request.POST.get("email", "").strip()[:LONGEST] or None,
        phone=request.POST.get("phone", "").strip()[:LONGEST] or None,
        role=request.POST.get("role", "").strip()[:LONGEST],
        fields={name: request.POST.get("value", "").strip()[:LONGEST]} if name else {},
    )
    deed = partial(ticket_edit_and_retry, ticket=ticket, correction=correction, line_ids=line_ids)
    _carry_out(
        request,
        partial(deed, now=clock.now(), actor=actor_of(request)),
        "It is put right, and the step is being tried again.",
        "It is put right, and {} are being tried again.",
    )
    return back(request, LIST)


@require_POST
@vendor_deed
def ticket_take(request: HttpRequest, vendor: Vendor, ticket_id: str, deed: str) -> HttpResponse:
    """Take a ticket on, or give it back."""
    ticket, _, _ = _lines(vendor, ticket_id)
    user = request.user if deed == "take" and request.user.is_authenticated else None
    try:
        ticket_assign(ticket=ticket, user=user, now=clock.now(), actor=actor_of(request))
    except ServiceError as refusal:
        say(request, refusal.message, failed=True)
    else:
        say(request, "The ticket is yours." if user else "Nobody has the ticket now.")
    return back(request, LIST)


def _carry_out(request: HttpRequest, deed: Callable[[], Worked], one: str, many: str) -> None:
    """Do it and say how it went."""
    try:
        worked = deed()
    except ServiceError as refusal:
        say(request, refusal.message, failed=True)
        return
    if worked.done:
        said = one if worked.done == 1 else many.format(counted(worked.done, "step", "steps"))
        say(request, f"{said} {worked.left:,} are left: do it again to go on." if worked.left else said)
    for sentence in list(dict.fromkeys(worked.refused.values()))[:3]:
        say(request, sentence, failed=True)
