"""Steps that are stopped by one cause, as many as a test wants."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from channels.contract import SendResult, Verdict
from channels.models import Message
from engine.models import Instance, InterventionTicket, Schedule, TicketLine
from engine.services.instances import instance_start
from engine.services.interventions import ticket_open
from engine.services.results import Claim, TicketDraft
from journeys.language.errors import ErrorClass
from journeys.models import AuditRecord, Client, Journey
from tests.builders import ACTOR, a_couple
from tests.drive import run_until_idle

#: A key that a provider no longer takes.
EXPIRED = TicketDraft(
    level="engineering",
    code="401",
    error_class="account",
    summary="The provider does not accept the key.",
    cause="provider:sendgrid:401",
)
TAKEN = SendResult(Verdict.ACCEPTED, provider_id="p-1")
TOO_LARGE = SendResult(
    Verdict.REJECTED, error_class=ErrorClass.PERMANENT, code="413", reason="The message is too large."
)
BAD_NUMBER = SendResult(
    Verdict.REJECTED, error_class=ErrorClass.USER, code="21211", reason="The number is not valid."
)
BUSY = SendResult(Verdict.RETRY, error_class=ErrorClass.TRANSIENT, code="429", reason="Too many requests.")
#: Prints what a couple has to have told.
ABOUT = (
    "About {% if client.fields.album %}{{ client.fields.album }}{% else %}{{ variables.album }}{% endif %}"
)


class Provider:
    """Answers the same until it is mended."""

    def __init__(self, answer: SendResult) -> None:
        self.answer = answer
        self.calls = 0

    def __call__(self, _message: Message) -> SendResult:
        self.calls += 1
        return self.answer


def begin(journey: Journey, couple: Client, *, now: datetime) -> Instance:
    empty = dict.fromkeys(journey.draft["variables"], "")
    return instance_start(
        vendor=journey.vendor, journey=journey, client=couple, variables=empty, now=now, actor=ACTOR
    )


def begin_all(journey: Journey, number: int, *, now: datetime) -> list[Instance]:
    found = [begin(journey, a_couple(journey.vendor, now=now), now=now) for _ in range(number)]
    run_until_idle(now)
    return found


def deeds_of(obj: InterventionTicket | TicketLine | Instance) -> list[str]:
    rows = AuditRecord.objects.filter(object_id=obj.public_id).order_by("id")
    return list(rows.values_list("action", flat=True))


def parked_steps(journey: Journey, couple: Client, number: int, *, now: datetime, **more: Any) -> list[Claim]:
    """Let passages of a couple stand parked at the journey's step "hello", and give the claims they had."""
    version = journey.current_version
    if version is None:
        message = "Publish the journey first."
        raise ValueError(message)
    instances = Instance.objects.bulk_create(
        Instance(
            vendor_id=journey.vendor_id,
            journey=journey,
            version=version,
            client=couple,
            exclusive=False,
            started_at=now,
            variables={},
            public_id=f"ins_{journey.pk}x{couple.pk}x{at}",
            **{"wedding": couple.weddings.get(), **more},
        )
        for at in range(number)
    )
    rows = Schedule.objects.bulk_create(
        Schedule(
            vendor_id=journey.vendor_id,
            instance=one,
            node_id="hello",
            state=Schedule.State.PARKED,
            outside=True,
            fence=2,
            attempt=1,
            placed_at=now,
        )
        for one in instances
    )
    return [
        Claim(
            schedule_id=row.id,
            fence=2,
            vendor_id=row.vendor_id,
            instance_id=row.instance_id,
            version_id=version.id,
            node_id="hello",
            branch="",
            visit=1,
            attempt=1,
            claims=0,
            due_at=now,
            ready_at=now,
            meant=None,
            wedding_at=None,
            queue="low",
        )
        for row in rows
    ]


def stop(claims: list[Claim], draft: TicketDraft, *, now: datetime) -> None:
    """Have a cause stop the claimed steps, each in its own transaction."""
    for claim in claims:
        with transaction.atomic():
            ticket_open(claim=claim, draft=draft, now=now)
