"""Approvals: read what wants to go out, change its words, say yes or no."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from engine.models import Approval
from engine.services.approvals import (
    Edits,
    approval_approve,
    approval_edit,
    approval_reject,
    approvals_decide,
)
from engine.services.upcoming import approvals_prepare
from journeys import clock
from journeys.errors import ServiceError
from journeys.models import Vendor
from journeys.scoping import owned_by
from monitoring.access import actor_of, vendor_deed, vendor_page
from monitoring.rendering.approvals import EXPIRY, copies
from monitoring.selectors.approvals import decided, inbox
from monitoring.views.page import back, say, show
from monitoring.wording import counted

LIST = "/journey-monitor/approvals/"
#: No more are taken in one go.
MOST = 200
#: What the button "Read the next 7 days" looks at.
AHEAD_DAYS = 7
SAID = {
    "approve": "Approved. It goes out as soon as the rules let it.",
    "reject": "Held back. The journey goes on without it.",
    "save": "Your words are kept. It still waits for a yes.",
}


@require_safe
@vendor_page
def approval_list(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """Show the inbox with its first message open, or what was decided lately."""
    now = clock.now()
    if request.GET.get("status") == "decided":
        rows = decided(vendor=vendor, now=now)
        return show(request, "monitoring/approvals_decided.html", vendor=vendor, now=now, rows=rows)
    return _inbox(request, vendor, wanted="")


@require_safe
@vendor_page
def approval_page(request: HttpRequest, vendor: Vendor, approval_id: str) -> HttpResponse:
    """Show the inbox with one message open; on a phone the message alone."""
    return _inbox(request, vendor, wanted=approval_id)


def _inbox(request: HttpRequest, vendor: Vendor, *, wanted: str) -> HttpResponse:
    now = clock.now()
    rows = inbox(vendor=vendor, now=now)
    ids = [row.approval.public_id for row in rows]
    if wanted and wanted not in ids:
        known = owned_by(vendor, Approval).filter(public_id=wanted).first()
        if known is None:
            raise Http404
        say(request, f"This message is settled already: {known.get_status_display().lower()}.", failed=True)
        return back(request, LIST)
    at = ids.index(wanted) if wanted else 0
    open_row = rows[at] if rows else None
    return show(
        request,
        "monitoring/approvals.html",
        vendor=vendor,
        now=now,
        rows=rows,
        approvals_open=len(rows),
        row=open_row,
        alone=bool(wanted),
        number=at + 1,
        before=ids[at - 1] if at else "",
        after=ids[at + 1] if at + 1 < len(ids) else "",
        copies=copies(open_row.approval) if open_row else [],
        expiry=EXPIRY[open_row.approval.on_expiry] if open_row else "",
    )


def _edits(request: HttpRequest, approval: Approval) -> Edits:
    """Read the words of each copy; what was not in the form stays."""
    edits: dict[str, dict[str, str]] = {}
    for copy in approval.contents:
        for name in ("subject", "body"):
            text = request.POST.get(f"{name}:{copy['role']}")
            if text is not None:
                edits.setdefault(copy["role"], {})[name] = text
    return edits


@require_POST
@vendor_deed
def approval_decide(request: HttpRequest, vendor: Vendor, approval_id: str) -> HttpResponse:
    """Approve with the words of the form, keep them for later, or hold the message back."""
    now, actor = clock.now(), actor_of(request)
    approval = owned_by(vendor, Approval).filter(public_id=approval_id).first()
    deed = request.POST.get("do", "")
    if approval is None or deed not in SAID:
        raise Http404
    note = request.POST.get("note", "")[:2000]
    try:
        if deed == "approve":
            edits = _edits(request, approval)
            approval_approve(approval=approval, edits=edits, note=note, now=now, actor=actor)
        elif deed == "save":
            approval_edit(approval=approval, edits=_edits(request, approval), now=now, actor=actor)
        else:
            approval_reject(approval=approval, note=note, now=now, actor=actor)
    except ServiceError as refusal:
        say(request, refusal.message, failed=True)
    else:
        say(request, SAID[deed])
    return back(request, f"{LIST}{approval_id}/" if deed == "save" else LIST)


@require_POST
@vendor_deed
def approval_ahead(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """Put what is due within the next days and needs a yes into the inbox already."""
    asked = approvals_prepare(vendor=vendor, days=AHEAD_DAYS, now=clock.now())
    more = counted(asked, "message", "messages")
    say(request, f"{more} of the next {AHEAD_DAYS} days added." if asked else "Nothing more is due soon.")
    return back(request, LIST)


@require_POST
@vendor_deed
def approval_bulk(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """Approve or hold back the chosen messages, or one by its own button ("approve:apr_…")."""
    now = clock.now()
    deed, _, single = request.POST.get("one", "").partition(":")
    ids = [single] if single else request.POST.getlist("ids")[:MOST]
    deed = deed if single else request.POST.get("do", "")
    if deed not in {"approve", "reject"} or not ids:
        say(request, "Nothing was chosen, so nothing was changed.", failed=True)
        return back(request, LIST)
    found = approvals_decide(
        vendor=vendor, public_ids=ids, approve=deed == "approve", now=now, actor=actor_of(request)
    )
    if found.done:
        done = counted(len(found.done), "message", "messages")
        say(request, f"{'Approved' if deed == 'approve' else 'Held back'} {done}.")
    for sentence in dict.fromkeys(found.refused.values()):
        say(request, sentence, failed=True)
    return back(request, LIST)
