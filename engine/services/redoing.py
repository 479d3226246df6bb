"""How each kind of dead letter is done again. To add a kind, keep letters of it and write its function here."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from channels.contract import DeliveryReport, ReportKind
from channels.models import Message
from channels.services import callbacks
from channels.signals import report_broke
from engine.models import Changeover, Enrollment, IncomingHook, MeetingNotice, TicketLine
from engine.services import (
    changeovers,
    dates,
    dead_letters,
    incoming,
    notices,
    quarantine,
    ticket_lines,
    waking,
)
from engine.services.dead_letters import redoes
from engine.services.enrolling import carrying_out
from engine.services.enrolling.requests import enrollment_resume
from engine.signals import ticket_changed
from journeys.errors import Conflict
from journeys.models import Client


@redoes("wake")
def tell_again(payload: Any, *, now: datetime, actor: str) -> None:
    """Tell the steps of a client again that something happened; they are asked when this commits."""
    del actor
    if not Client.objects.filter(id=payload["client_id"]).exists():
        raise Conflict("The client is no longer there: discard it.", code="moved_on")
    waking.wake(client_id=payload["client_id"], topics=payload["topics"], now=now)


@redoes("date")
def start_by_date_again(payload: Any, *, now: datetime, actor: str) -> None:
    """Make the event of a date after all; the journey then starts late, by its own rules."""
    del actor
    dates.receive_again(payload, now=now)


@redoes("notice")
def send_letter_again(payload: Any, *, now: datetime, actor: str) -> None:
    """Send a letter about a meeting after all, with attempts of its own; one that was overtaken is dropped then."""
    del actor
    put_back = MeetingNotice.objects.filter(pk=payload["notice_id"], state=MeetingNotice.State.FAILED).update(
        state=MeetingNotice.State.WAITING, due_at=now, attempt=0, reason=""
    )
    if not put_back:
        raise Conflict("The letter was settled otherwise: discard it.", code="moved_on")
    transaction.on_commit(lambda: notices.dispatch(now=now), robust=True)


@redoes(carrying_out.DEAD)
def let_enrollment_go_on(payload: Any, *, now: datetime, actor: str) -> None:
    """Let an enrollment that broke go on where it stands; the next tick carries it on."""
    enrollment = Enrollment.objects.filter(public_id=payload["enrollment"]).first()
    if enrollment is None:
        raise Conflict("The enrollment is no longer there: discard it.", code="moved_on")
    enrollment_resume(enrollment=enrollment, now=now, actor=actor)


@redoes(changeovers.DEAD)
def carry_changeover_on(payload: Any, *, now: datetime, actor: str) -> None:
    """Decide about the next instances of a changeover that broke; the ticks go on with the rest."""
    del actor
    changeover = Changeover.objects.filter(public_id=payload["changeover"]).first()
    if changeover is None:
        raise Conflict("The changeover is no longer there: discard it.", code="moved_on")
    changeovers.carry_on(changeover=changeover, now=now, batches=1)


@redoes("callback")
def take_report_in_again(payload: Any, *, now: datetime, actor: str) -> None:
    """Take a provider's report in; one that came through in the meantime changes nothing."""
    del actor
    occurred_at = payload["occurred_at"] and datetime.fromisoformat(payload["occurred_at"])
    report = DeliveryReport(
        **{**payload, "kind": ReportKind(payload["kind"]), "occurred_at": occurred_at or None}
    )
    callbacks.receive(provider=report.provider, reports=[report], now=now)


@redoes("event")
def take_call_in_again(payload: Any, *, now: datetime, actor: str) -> None:
    """Turn what another service told into its event; one that came through in the meantime changes nothing."""
    del actor
    hook = IncomingHook.objects.select_related("vendor").filter(public_id=payload["hook"]).first()
    if hook is None:
        raise Conflict("The incoming hook was removed: discard it.", code="moved_on")
    body = payload["body"]
    incoming.hook_receive(
        hook=hook, headers=payload["headers"], content=json.loads(body), body=body.encode(), now=now
    )


@redoes("step", closes=True)
def begin_step_again(payload: Any, *, now: datetime, actor: str) -> None:
    """Begin a quarantined step anew, through its ticket, which closes with it."""
    line = TicketLine.objects.filter(
        schedule_id=payload["schedule_id"], status=TicketLine.Status.OPEN
    ).first()
    if line is None:
        raise Conflict("Its ticket was settled otherwise: discard it.", code="moved_on")
    ticket_lines.line_work(line=line, deed=ticket_lines.again, now=now, actor=actor)


@receiver(ticket_changed)
def follow_ticket(*, line: TicketLine | None, now: datetime, **_kwargs: Any) -> None:
    """Close the letter of a quarantined step with its line, in the transaction that settles the line."""
    if line is None or line.code != quarantine.CODE or line.status == TicketLine.Status.OPEN:
        return
    dead_letters.close_open(
        kind="step",
        key=str(line.schedule_id),
        now=now,
        actor=line.resolved_by,
        done=line.resolution not in {"skip", "cancel", "rolled_back"},
    )


@receiver(report_broke)
def keep_report(*, report: DeliveryReport, error: Exception, now: datetime, **_kwargs: Any) -> bool:
    """Keep a provider's report that could not be taken in."""
    message = Message.objects.filter(public_id=report.message_id).first() if report.message_id else None
    when = report.occurred_at.isoformat() if report.occurred_at else None
    dead_letters.keep(
        kind="callback",
        key=f"{report.provider}:{report.event_key}",
        vendor_id=message.vendor_id if message else None,
        payload={
            **asdict(report),
            "raw": dict(report.raw),
            "kind": report.kind.value,
            "occurred_at": when,
        },
        error=error,
        now=now,
    )
    return True


#: Everything that may become a dead letter.
KINDS = tuple(sorted(dead_letters.REDOS))
