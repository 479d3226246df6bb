"""Go back to a step: looked at first, then made, for one couple or for those that were chosen."""

from __future__ import annotations

from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_POST

from engine.models import Instance, RollBack
from engine.services import bulk
from engine.services.roll_back_outlook import roll_back_preview
from engine.services.rolling_back import Wish, instance_roll_back, reached_steps
from journeys import clock
from journeys.errors import ServiceError
from journeys.models import Vendor
from journeys.scoping import owned_by
from monitoring.access import actor_of, vendor_deed
from monitoring.selectors.instances import instances_by_ids
from monitoring.views.page import back, say, show
from monitoring.wording import counted

LIST = "/journey-monitor/instances/"
LONGEST_REASON = 300
LONGEST_NODE = 64
MOST_DIGITS = 6


@require_http_methods(["GET", "HEAD", "POST"])
@vendor_deed
def roll_back_one(request: HttpRequest, vendor: Vendor, instance_id: str) -> HttpResponse:
    """Ask for the step, show what going back to it comes to, and do it once that is confirmed."""
    now = clock.now()
    rows = owned_by(vendor, Instance).select_related("client", "journey", "version", "wedding", "vendor")
    instance = rows.filter(public_id=instance_id).first()
    if instance is None:
        raise Http404
    if request.method != "POST":
        return _form(request, vendor, instance, now=now)
    wish = _wish(request)
    if "confirmed" in request.POST:
        try:
            row = instance_roll_back(instance=instance, wish=wish, now=now, actor=actor_of(request))
        except ServiceError as refusal:
            say(request, refusal.message, failed=True)
        else:
            names = dict(reached_steps(instance))
            say(request, f"{instance.journey.name} goes on from {names.get(row.node_id, row.node_id)}.")
        return back(request, _couple_page(instance))
    try:
        outlook = roll_back_preview(instance=instance, wish=wish, now=now, actor=actor_of(request))
    except ServiceError as refusal:
        return _form(request, vendor, instance, now=now, wish=wish, refused=refusal.message)
    return _form(request, vendor, instance, now=now, wish=wish, outlook=outlook)


def _form(
    request: HttpRequest, vendor: Vendor, instance: Instance, *, now: datetime, **context: object
) -> HttpResponse:
    return show(
        request,
        "monitoring/roll_back.html",
        vendor=vendor,
        now=now,
        instance=instance,
        client=instance.client,
        steps=reached_steps(instance),
        messages_choices=RollBack.Messages.choices,
        due_choices=RollBack.Due.choices,
        zone=instance.wedding.time_zone if instance.wedding else vendor.time_zone,
        page_url=_couple_page(instance),
        **{"wish": Wish(""), **context},
    )


def _couple_page(instance: Instance) -> str:
    return f"/journey-monitor/couples/{instance.client.public_id}/"


def _wish(request: HttpRequest) -> Wish:
    """Read what is wished for; what is not known falls back to what changes least."""
    messages, due = request.POST.get("messages", ""), request.POST.get("due", "")
    number = request.POST.get("number", "")[:MOST_DIGITS]
    return Wish(
        request.POST.get("node_id", "")[:LONGEST_NODE],
        messages if messages in RollBack.Messages.values else RollBack.Messages.KEEP.value,
        due if due in RollBack.Due.values else RollBack.Due.BY_ITS_TIMING.value,
        number=int(number) if number.isascii() and number.isdigit() else None,
        reason=request.POST.get("reason", "").strip()[:LONGEST_REASON],
    )


@require_POST
@vendor_deed
def roll_back_many(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """Ask to which step the chosen couples of one journey go back, and take each of them there."""
    now = clock.now()
    instances = instances_by_ids(vendor=vendor, public_ids=request.POST.getlist("ids")[: bulk.MOST_AT_ONCE])
    if not instances:
        say(request, "Nothing was chosen, so nothing was changed.", failed=True)
        return back(request, LIST)
    if len({one.journey_id for one in instances}) > 1:
        say(request, "Choose couples of one journey: each journey has steps of its own.", failed=True)
        return back(request, LIST)
    wish = _wish(request)
    if "confirmed" not in request.POST or not wish.node_id:
        steps: dict[str, str] = {}
        for one in instances:
            steps |= dict(reached_steps(one))
        return show(
            request,
            "monitoring/roll_back_many.html",
            vendor=vendor,
            now=now,
            instances=instances,
            steps=list(steps.items()),
            messages_choices=RollBack.Messages.choices,
            due_choices=RollBack.Due.choices,
            next=request.POST.get("next", LIST),
        )
    results = bulk.carry_out(
        vendor=vendor,
        action=bulk.ROLL_BACK,
        public_ids=[one.public_id for one in instances],
        wish=wish,
        reason=wish.reason,
        now=now,
        actor=actor_of(request),
    )
    done = sum(one.ok for one in results)
    if done:
        say(request, f"Went back in {counted(done, 'journey', 'journeys')}.")
    for sentence in dict.fromkeys(one.message for one in results if not one.ok):
        times = sum(one.message == sentence for one in results)
        say(request, sentence if times == 1 else f"{times} times: {sentence}", failed=True)
    return back(request, LIST)
