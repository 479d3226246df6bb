"""The versions of a journey: look at them, publish with a choice for those inside, and take that back."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from engine.models import Changeover
from engine.services import changeovers, publishing
from journeys import clock
from journeys.errors import ServiceError
from journeys.language.errors import DefinitionInvalid
from journeys.models import Journey, Vendor
from journeys.scoping import owned_by
from journeys.services.versions import compare, version_of
from monitoring.access import actor_of, vendor_deed, vendor_page
from monitoring.selectors.versions import draft_changes, journey_of, preview_rows, versions
from monitoring.views.page import back, say, show
from monitoring.wording import counted

#: Batches that are carried out before the page is shown; the rest goes on by itself.
BATCHES_AT_ONCE = 5
#: What may be done with the version that an address names.
DEEDS = ("publish", "move")


def _journey(vendor: Vendor, public_id: str) -> Journey:
    journey = journey_of(vendor=vendor, public_id=public_id)
    if journey is None:
        raise Http404
    return journey


def _home(journey: Journey) -> str:
    return f"/journey-monitor/journeys/{journey.public_id}/versions"


@require_safe
@vendor_page
def version_list(request: HttpRequest, vendor: Vendor, journey_id: str) -> HttpResponse:
    """Show every version with what it changed and who is in it, and what was chosen for those inside."""
    found = versions(_journey(vendor, journey_id))
    return show(
        request,
        "monitoring/versions.html",
        vendor=vendor,
        now=clock.now(),
        found=found,
        journey=found.journey,
        page_url=_home(found.journey),
    )


def _asked(values: Any) -> tuple[str, str, int | None]:
    """Read what a page asks for: the choice, the deed, and the version's number (None: the draft)."""
    choice, deed, number = (
        values.get("inside", "stay"),
        values.get("deed", "publish"),
        values.get("version", ""),
    )
    if choice not in Changeover.Inside.values or deed not in DEEDS:
        raise Http404
    if number and not (number.isascii() and number.isdigit() and len(number) < 10):  # noqa: PLR2004 an integer of the database
        raise Http404
    if deed == "move":
        choice = Changeover.Inside.MOVE.value
        if not number:
            raise Http404
    return choice, deed, int(number) if number else None


@require_http_methods(["GET", "HEAD", "POST"])
@vendor_deed
def publish(request: HttpRequest, vendor: Vendor, journey_id: str) -> HttpResponse:
    """Show what publishing would do with those inside, and do it once that was seen."""
    journey = _journey(vendor, journey_id)
    choice, deed, number = _asked(request.POST if request.method == "POST" else request.GET)
    try:
        if request.method == "POST":
            _carry_out(request, journey, choice=choice, deed=deed, number=number)
            return back(request, _home(journey))
        return _look(request, vendor, journey, choice=choice, deed=deed, number=number)
    except DefinitionInvalid as refusal:
        more = len(refusal.problems) - 1
        also = f" {counted(more, 'more problem', 'more problems')} beside that." if more else ""
        say(request, f"It can not be published. {refusal.problems[0].message}{also}", failed=True)
    except ServiceError as refusal:
        say(request, refusal.message, failed=True)
    return back(request, _home(journey))


def _carry_out(request: HttpRequest, journey: Journey, *, choice: str, deed: str, number: int | None) -> None:
    now, actor = clock.now(), actor_of(request)
    if deed == "move" and number is not None:
        made: Changeover | None = publishing.move_to(journey=journey, number=number, now=now, actor=actor)
        done = f"Those inside move to version {number}."
    elif number is not None:
        found = publishing.repeat(
            journey=journey,
            number=number,
            choice=choice,
            replace_draft="replace_draft" in request.POST,
            now=now,
            actor=actor,
        )
        made, done = (
            found.changeover,
            f"Version {found.version.number} is published: it says what {number} said.",
        )
    else:
        found = publishing.publish(journey=journey, choice=choice, now=now, actor=actor)
        made, done = found.changeover, f"Version {found.version.number} is published."
    if made is not None:
        changeovers.carry_on(changeover=made, now=now, batches=BATCHES_AT_ONCE)
    say(request, done)


def _look(
    request: HttpRequest, vendor: Vendor, journey: Journey, *, choice: str, deed: str, number: int | None
) -> HttpResponse:
    now = clock.now()
    if number is None:
        changes = draft_changes(journey)
    else:
        wanted = version_of(journey, number)
        current = journey.current_version
        changes = (
            tuple(compare(current.definition, wanted.definition)[1]) if current and deed == "publish" else ()
        )
    preview = publishing.preview(journey=journey, number=number, now=now)
    return show(
        request,
        "monitoring/publish.html",
        vendor=vendor,
        now=now,
        journey=journey,
        page_url=_home(journey),
        choice=choice,
        deed=deed,
        number=number,
        changes=changes,
        preview=preview,
        stuck=len(preview.stuck),
        rows=preview_rows(preview) if choice == Changeover.Inside.MOVE else [],
    )


@require_POST
@vendor_deed
def undo(request: HttpRequest, vendor: Vendor, journey_id: str, changeover_id: str) -> HttpResponse:
    """Take a choice back."""
    journey = _journey(vendor, journey_id)
    rows = owned_by(vendor, Changeover).select_related("journey", "version", "previous", "vendor")
    changeover = rows.filter(journey=journey, public_id=changeover_id).first()
    if changeover is None:
        raise Http404
    now = clock.now()
    try:
        undone = publishing.undo(changeover=changeover, now=now, actor=actor_of(request))
    except ServiceError as refusal:
        say(request, refusal.message, failed=True)
        return back(request, _home(journey))
    changeovers.carry_on(changeover=undone, now=now, batches=BATCHES_AT_ONCE)
    say(request, "It is taken back. Who could not move back is named below.")
    return back(request, _home(journey))


@require_POST
@vendor_deed
def unpin(request: HttpRequest, vendor: Vendor, journey_id: str) -> HttpResponse:
    """Take every pin out."""
    journey = _journey(vendor, journey_id)
    count = publishing.unpin_all(journey=journey, now=clock.now(), actor=actor_of(request))
    say(
        request,
        f"{counted(count, 'couple follows', 'couples follow')} the next publishing that moves people.",
    )
    return back(request, _home(journey))
