"""What people say to messages that wait for their yes: approve, edit, hold back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from channels.rendering import Wording, frame_message
from engine import signals
from engine.models import Approval, Instance, Schedule, TicketLine
from engine.services import dispatch, ticket_lines
from engine.services.claims import lock_instances
from journeys.errors import Conflict, Invalid, ServiceError
from journeys.language.errors import TextError
from journeys.models import Vendor, Wedding
from journeys.scoping import owned_by
from journeys.services import audit

Status = Approval.Status

#: The code of the ticket that an expired approval opens.
EXPIRED_TICKET = "approval_expired"
LONGEST_SUBJECT = 255
LONGEST_BODY = 50_000
LONGEST_NOTE = 2_000

#: Words that replace those of one recipient's copy: {"subject": …, "body": …}; what is left out stays.
Edits = Mapping[str, Mapping[str, str]]


@dataclass(slots=True)
class Decided:
    """What became of several approvals."""

    done: list[str] = field(default_factory=list)
    #: Public id and the sentence why not.
    refused: dict[str, str] = field(default_factory=dict)


def pending_approvals(vendor: Vendor) -> QuerySet[Approval]:
    """Give what waits for a person of the vendor; what belongs to a passage that is over waits for nobody."""
    places = Schedule.objects.filter(pk=OuterRef("schedule_id"))
    escalated = TicketLine.objects.filter(
        schedule_id=OuterRef("schedule_id"), status=TicketLine.Status.OPEN, code=EXPIRED_TICKET
    )
    return (
        owned_by(vendor, Approval)
        .filter(Q(status=Status.PENDING) | Q(Exists(escalated), status=Status.EXPIRED))
        .filter(Exists(places), instance__status__in=Instance.LIVE)
    )


def approval_edit(*, approval: Approval, edits: Edits, now: datetime, actor: str) -> Approval:
    """Change the words before anybody decides, in one transaction; a second call changes nothing more.

    Raises:
        Conflict: it is decided (`decided`) or its step is gone (`moved_on`).
        Invalid: a copy that is not there (`bad_recipient`), or words that can not be sent (`bad_text`).
    """
    with transaction.atomic():
        approval = _locked(approval)
        _edit(approval, edits, now=now, actor=actor)
        return approval


def approval_approve(
    *, approval: Approval, edits: Edits | None = None, note: str = "", now: datetime, actor: str
) -> Approval:
    """Let the message go out, in these words, as soon as the gates let it; in one transaction.

    Raises:
        Conflict: it is decided (`decided`) or its step is gone (`moved_on`).
        Invalid: a copy that is not there (`bad_recipient`), or words that can not be sent (`bad_text`).
    """
    with transaction.atomic():
        approval = _locked(approval)
        _edit(approval, edits or {}, now=now, actor=actor)
        return _decide(approval, Status.APPROVED, note=note, now=now, actor=actor)


def approval_reject(*, approval: Approval, note: str = "", now: datetime, actor: str) -> Approval:
    """Keep the message from going out; its step is left out and the journey goes on. In one transaction.

    Raises:
        Conflict: it is decided (`decided`) or its step is gone (`moved_on`).
    """
    with transaction.atomic():
        return _decide(_locked(approval), Status.REJECTED, note=note, now=now, actor=actor)


def approvals_decide(
    *, vendor: Vendor, public_ids: Sequence[str], approve: bool, note: str = "", now: datetime, actor: str
) -> Decided:
    """Decide about several, each in its own transaction; what one refuses does not stop the others."""
    decided = Decided()
    found = {one.public_id: one for one in owned_by(vendor, Approval).filter(public_id__in=public_ids)}
    deed = approval_approve if approve else approval_reject
    for public_id in dict.fromkeys(public_ids):
        if public_id not in found:
            decided.refused[public_id] = "There is no such approval."
            continue
        try:
            deed(approval=found[public_id], note=note, now=now, actor=actor)
            decided.done.append(public_id)
        except ServiceError as error:
            decided.refused[public_id] = error.message
    return decided


def withdraw_for_wedding(*, wedding: Wedding, now: datetime) -> int:
    """Take back what was asked or approved about steps of a wedding that has moved, inside its transaction.

    The words may name the old date, so that each step asks anew when it is due. Returns how many were taken back; a
    second call finds none.
    """
    instances = Instance.objects.filter(wedding=wedding, status__in=Instance.LIVE).values_list(
        "id", flat=True
    )
    ids = list(instances)
    open_ones = Approval.objects.filter(
        instance_id__in=ids, status__in=[Status.PENDING, Status.APPROVED, Status.EXPIRED]
    ).filter(schedule_id__in=Schedule.objects.filter(instance_id__in=ids).values("id"))
    if not open_ones.exists():
        return 0
    lock_instances(ids)
    return _withdraw(list(open_ones), why="wedding_moved", now=now)


def withdraw_for_steps(*, schedule_ids: Sequence[int], now: datetime) -> int:
    """Take back what was asked or approved about steps that say something else by now.

    Inside the transaction that changed what they say and holds their instances' locks; each asks anew. A second call
    finds none.
    """
    if not schedule_ids:
        return 0
    open_ones = Approval.objects.filter(
        schedule_id__in=schedule_ids, status__in=[Status.PENDING, Status.APPROVED, Status.EXPIRED]
    )
    return _withdraw(list(open_ones.select_related("vendor")), why="version_changed", now=now)


def _withdraw(taken: Sequence[Approval], *, why: str, now: datetime) -> int:
    for approval in taken:
        approval.status, approval.decided_at, approval.decided_by = Status.WITHDRAWN, now, "engine"
        approval.save(update_fields=["status", "decided_at", "decided_by"])
        audit.record(approval.vendor, "engine", "approval.withdrawn", approval, now, why=why)
        signals.approval_changed.send(sender=Approval, approval=approval, now=now)
    _wake(taken, now=now)
    return len(taken)


def _locked(approval: Approval) -> Approval:
    """Lock an approval that somebody may still decide about."""
    lock_instances([approval.instance_id])
    approval = Approval.objects.select_for_update(of=("self",)).select_related("vendor").get(pk=approval.pk)
    if approval.status == Status.EXPIRED and _ticket(approval) is not None:
        return approval
    if approval.status != Status.PENDING:
        raise Conflict(
            f"This message is settled already: {approval.get_status_display().lower()}.", code="decided"
        )
    standing = Schedule.objects.filter(pk=approval.schedule_id, instance__status__in=Instance.LIVE)
    if not standing.exists():
        raise Conflict("The step that wanted to send this is no longer there.", code="moved_on")
    return approval


def _ticket(approval: Approval) -> TicketLine | None:
    return TicketLine.objects.filter(
        schedule_id=approval.schedule_id,
        instance_id=approval.instance_id,
        status=TicketLine.Status.OPEN,
        code=EXPIRED_TICKET,
    ).first()


def _decide(approval: Approval, status: Approval.Status, *, note: str, now: datetime, actor: str) -> Approval:
    ticket = _ticket(approval) if approval.status == Status.EXPIRED else None
    approval.status, approval.decided_at, approval.decided_by = status, now, actor[:100]
    approval.note = note.strip()[:LONGEST_NOTE]
    approval.save(update_fields=["status", "decided_at", "decided_by", "note"])
    audit.record(
        approval.vendor,
        actor,
        f"approval.{status.value}",
        approval,
        now,
        node=approval.node_id,
        edited=approval.original is not None,
    )
    signals.approval_changed.send(sender=Approval, approval=approval, now=now)
    if ticket is not None:
        ticket_lines.line_retry(line=ticket, now=now, actor=actor)
    else:
        _wake([approval], now=now)
    return approval


def _wake(approvals: Sequence[Approval], *, now: datetime) -> None:
    """Ask the steps again at once that stand still for these questions; what is not due yet stays as it is."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE engine_schedule s SET due_at = %(now)s, fence = s.fence + 1
               FROM unnest(%(ids)s::bigint[], %(until)s::timestamptz[]) AS asked(id, until)
               WHERE s.id = asked.id AND s.state = 'waiting' AND s.due_at = asked.until AND s.due_at > %(now)s
               RETURNING s.id""",
            {
                "now": now,
                "ids": [approval.schedule_id for approval in approvals],
                "until": [approval.expires_at for approval in approvals],
            },
        )
        ids = [row[0] for row in cursor.fetchall()]
    dispatch.offer_on_commit(ids, now=now)


def _edit(approval: Approval, edits: Edits, *, now: datetime, actor: str) -> None:
    """Write other words into the copies that are named."""
    known = {one["role"]: dict(one) for one in approval.contents}
    for role, words in edits.items():
        if role not in known:
            raise Invalid(
                f"This message has no copy for {role!r}. Its copies: {', '.join(known)}.",
                code="bad_recipient",
            )
        known[role].update(_checked(known[role], words))
    changed = [role for role, one in known.items() if one not in approval.contents]
    if not changed:
        return
    approval.original = approval.original or approval.contents
    approval.contents = list(known.values())
    approval.save(update_fields=["contents", "original"])
    audit.record(approval.vendor, actor, "approval.edited", approval, now, roles=changed)
    signals.approval_changed.send(sender=Approval, approval=approval, now=now)


def _checked(content: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, str]:
    """Refuse words that could not be sent."""
    by_email = content["channel"] == "email"
    subject = " ".join(words.get("subject", content["subject"]).split()) if by_email else ""
    body = words.get("body", content["body"]).replace("\r\n", "\n").strip()
    if len(subject) > LONGEST_SUBJECT or len(body) > LONGEST_BODY:
        raise Invalid("The message is too long to be sent. Shorten it.", code="bad_text")
    try:
        frame_message(channel=content["channel"], wording=Wording(subject, body), facts={})
    except TextError as error:
        raise Invalid(str(error), code="bad_text") from error
    return {"subject": subject, "body": body}
