"""Messages of which nobody knows whether they went out: list them, and let a person say what is true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from channels.models import Message
from channels.registry import adapters
from channels.services import sending
from channels.signals import message_settled
from engine.graphs import graph_of
from engine.models import Instance, MeetingNotice, Schedule
from engine.places import Place
from engine.services import dispatch, interventions, notices
from engine.services.claims import lock_instances
from journeys.errors import Conflict
from journeys.language.errors import LanguageError
from journeys.models import Vendor
from journeys.scoping import owned_by
from journeys.services import audit

Status = Message.Status
State = Schedule.State
Decider = Literal["provider", "rule", "person"]

#: Nobody knows, and somebody or something still has to find out.
OPEN = (Status.IN_DOUBT, Status.UNKNOWN)
_UNSENT = (MeetingNotice.State.WAITING, MeetingNotice.State.QUEUED, MeetingNotice.State.SENDING)

RULES = {
    "ticket": "a person is asked",
    "resend": "it is sent again",
    "assume_sent": "it is taken for sent",
}


@dataclass(frozen=True, slots=True)
class Doubt:
    """One message in doubt, and how it goes on."""

    message: Message
    #: The passage it belongs to; None for one that no step sent.
    instance: Instance | None
    step: str
    since: datetime
    #: Who is to answer next.
    decides: Decider
    #: When it is looked into next; None where only a person goes on.
    next_at: datetime | None
    #: When the step's own rule settles it at the latest.
    rule_at: datetime | None
    #: What happens next, as a sentence.
    outlook: str
    #: It can still be sent again: its step stands and waits for the answer.
    can_resend: bool


def open_doubts(vendor: Vendor) -> QuerySet[Message]:
    """Give the vendor's messages in doubt, and those that could not be found out and that nobody has settled."""
    return owned_by(vendor, Message).filter(status__in=OPEN)


def doubts_of(messages: Sequence[Message]) -> list[Doubt]:
    """Say for each message what is done about it; a handful of queries however many there are."""
    references = {message.instance_ref for message in messages if message.instance_ref}
    instances = {
        one.public_id: one
        for one in Instance.objects.filter(public_id__in=references).select_related("journey", "client")
    }
    places = {
        (one.instance_id, one.node_id, one.branch, one.visit): one
        for one in Schedule.objects.filter(instance__public_id__in=references)
    }
    letters = {
        one.message_ref: one
        for one in MeetingNotice.objects.filter(
            message_ref__in=[message.public_id for message in messages], state__in=_UNSENT
        )
    }
    return [_doubt(message, instances, places, letters) for message in messages]


def _doubt(
    message: Message,
    instances: dict[str, Instance],
    places: dict[tuple[int, str, str, int], Schedule],
    letters: dict[str, MeetingNotice],
) -> Doubt:
    instance = instances.get(message.instance_ref)
    place = Place.of_key(message.key)
    schedule = (
        places.get((instance.id, place.node_id, place.branch, place.visit)) if instance and place else None
    )
    letter = letters.get(message.public_id)
    since = message.in_doubt_since or message.settled_at or message.created_at
    rule_at = since + timedelta(seconds=settings.IN_DOUBT_LIMIT_SECONDS)
    step, rule = _step(instance, message.node_id)
    next_at = schedule.due_at if schedule else letter.due_at if letter else None
    if message.status == Status.UNKNOWN or (schedule is None and letter is None):
        decides: Decider = "person"
        next_at = None
        outlook = "Only a person can say. A late report of the provider would settle it, too."
    else:
        asks = adapters()[message.provider].can_look_up if message.provider in adapters() else False
        decides = "provider" if asks else "rule"
        first = "The provider is asked again" if asks else "A report of the provider is waited for"
        outlook = f"{first}; when nothing is found out, {RULES.get(rule, RULES['ticket'])}."
    return Doubt(
        message=message,
        instance=instance,
        step=step,
        since=since,
        decides=decides,
        next_at=next_at,
        rule_at=rule_at if decides != "person" else None,
        outlook=outlook,
        can_resend=schedule is not None or letter is not None,
    )


def _step(instance: Instance | None, node_id: str) -> tuple[str, str]:
    """Give the step's name and its rule for messages in doubt."""
    if instance is None:
        return node_id, "ticket"
    try:
        node = graph_of(instance.version_id).nodes.get(node_id)
    except LanguageError:
        return node_id, "ticket"
    if node is None:
        return node_id, "ticket"
    return node.name, str(getattr(node.settings, "when_in_doubt", "ticket"))


def doubt_settle(*, message: Message, sent: bool, now: datetime, actor: str) -> Message:
    """Write down what a person knows about a message in doubt, and let its step go on at once, in one transaction.

    `sent=True`: it went out. `sent=False`: it did not, and its step sends it again; consent is checked anew.

    Raises:
        Conflict: it is settled already (`settled`), or its step was left, so that nobody would send it (`moved_on`).
    """
    with transaction.atomic():
        place = Place.of_key(message.key)
        schedule = _locked_place(place)
        letter = _locked_letter(message)
        if schedule is not None and place is not None:
            # Before the message is locked: ticket, then message.
            interventions.settled_by_report(instance_ref=place.instance, node_id=place.node_id, now=now)
        current = Message.objects.select_for_update().get(pk=message.pk)
        if current.status not in OPEN:
            raise Conflict(f"It is settled already: {current.get_status_display().lower()}.", code="settled")
        if not sent and schedule is None and letter is None:
            raise Conflict(
                "Its step was left already, so it can not be sent again from here.", code="moved_on"
            )
        settled = sending.settle_by_person(message_id=message.pk, sent=sent, now=now)
        audit.record(message.vendor, actor, "message.settled", settled, now, sent=sent)
        if sent:
            message_settled.send(sender=Message, message=settled, now=now)
        if schedule is not None:
            _go_on(schedule, now=now)
        if letter is not None:
            MeetingNotice.objects.filter(pk=letter.pk, state=MeetingNotice.State.WAITING).update(due_at=now)
            transaction.on_commit(lambda: notices.dispatch(now=now), robust=True)
    return settled


def _locked_place(place: Place | None) -> Schedule | None:
    """Lock the passage and then the place that a message belongs to."""
    if place is None:
        return None
    instance_id = Instance.objects.filter(public_id=place.instance).values_list("id", flat=True).first()
    if instance_id is None:
        return None
    lock_instances([instance_id])
    return (
        Schedule.objects.select_for_update()
        .filter(instance_id=instance_id, node_id=place.node_id, branch=place.branch, visit=place.visit)
        .first()
    )


def _locked_letter(message: Message) -> MeetingNotice | None:
    rows = MeetingNotice.objects.select_for_update()
    return rows.filter(message_ref=message.public_id, state__in=_UNSENT).first()


def _go_on(schedule: Schedule, *, now: datetime) -> None:
    """Bring a step forward that waits for the next look; one that is being worked on finds the message settled."""
    waits = Schedule.objects.filter(pk=schedule.pk, state=State.WAITING)
    waits.filter(due_at__gt=now).update(due_at=now)
    dispatch.offer_on_commit(list(waits.values_list("id", flat=True)), now=now)
