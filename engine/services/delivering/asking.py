"""Ask a person before a message goes out, and find the answer when the step comes back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from channels.markdown import to_html
from channels.rendering import Wording
from engine import signals
from engine.models import Approval
from engine.services.delivering import holding
from engine.services.delivering.copies import (
    Copy,
    instance_of,
    part_of_place,
    settings_of,
    spec_of,
    wording_of,
)
from engine.services.steps import Step
from journeys.language.calendar import due_of
from journeys.language.gates import spoken
from journeys.language.hanging import limit_of
from journeys.language.outcomes import Deliver
from journeys.language.sending import ApprovalRule
from journeys.language.settings import DurationTiming
from journeys.recipients import VENDOR
from journeys.services import audit

Status = Approval.Status

_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person said, or that nobody has yet."""

    state: Literal["given", "pending", "rejected", "skip", "escalate"]
    #: The words to be sent, by role; a role that is missing is worded anew.
    wordings: Mapping[str, Wording] = field(default_factory=dict)
    #: When the step comes back by itself.
    until: datetime | None = None
    reason: str = ""


GIVEN = Consent("given")


def consent(
    step: Step, outcome: Deliver, copies: Sequence[Copy], *, goes_out_at: datetime | None, now: datetime
) -> Consent:
    """Find what was decided about these copies, or ask, inside the caller's transaction.

    The instance is locked, as it is for whoever decides. Asking a second time finds the first question.

    Raises:
        TextError: what would be asked about can not be written.
    """
    place = part_of_place(step, outcome)
    standing = Approval.objects.filter(place=place, status__in=Approval.STANDING).first()
    if standing is None:
        if not is_needed(step, copies):
            return GIVEN
        return _ask(step, outcome, copies, goes_out_at=goes_out_at, kept={}, now=now)
    if standing.status == Status.REJECTED:
        return Consent("rejected", reason="Not sent: it was not approved.")
    if holding.too_late(step, now=now) != "wait":
        _close(standing, Status.WITHDRAWN, now=now)
        return Consent("skip", reason="Skipped: nobody approved it before the date it was meant for.")
    known = {(one["role"], one["channel"]): one for one in standing.contents}
    unknown = any((copy.recipient.role, copy.channel) not in known for copy in copies)
    needless = standing.status == Status.PENDING and not is_needed(step, copies)
    if not unknown and not needless:
        return _answered(standing, now=now, zone=step.calendar.wedding_zone)
    _close(standing, Status.WITHDRAWN, now=now)
    return GIVEN if needless else _ask(step, outcome, copies, goes_out_at=goes_out_at, kept=known, now=now)


def _answered(standing: Approval, *, now: datetime, zone: str) -> Consent:
    wordings = {one["role"]: Wording(one["subject"], one["body"]) for one in standing.contents}
    if standing.status == Status.PENDING:
        if now < standing.expires_at:
            return _pending(standing, now=now, zone=zone)
        _close(standing, Status.EXPIRED, now=now)
        if standing.on_expiry == "skip":
            return Consent("skip", reason="Skipped: nobody approved it in time.")
        if standing.on_expiry == "escalate":
            return Consent(
                "escalate",
                reason="Nobody has approved this message in time. Retry to send it as it is, or skip it.",
            )
    # Approved; or expired, and either the step sends it then or a person has retried the ticket.
    return Consent("given", wordings)


def is_needed(step: Step, copies: Sequence[Copy]) -> bool:
    """Tell whether somebody wants to read these copies before they go out."""
    settings, instance = settings_of(step), instance_of(step)
    rule = settings.approval if settings else ApprovalRule()
    if rule.mode == "always":
        return True
    if all(copy.recipient.role == VENDOR for copy in copies):
        return False
    if instance.client.approve_all or holding.rules_of(instance.vendor).approve_all:
        return True
    if rule.mode != "first":
        return False
    given = Approval.objects.filter(
        journey_id=instance.journey_id, node_id=step.claim.node_id, status=Status.APPROVED
    )
    return given.count() < rule.first


def _ask(
    step: Step,
    outcome: Deliver,
    copies: Sequence[Copy],
    *,
    goes_out_at: datetime | None,
    kept: Mapping[tuple[str, str], dict[str, Any]],
    now: datetime,
) -> Consent:
    instance, settings = instance_of(step), settings_of(step)
    rule = settings.approval if settings else ApprovalRule()
    contents = [
        kept.get((copy.recipient.role, copy.channel)) or _content(step, outcome, copy) for copy in copies
    ]
    approval = Approval.objects.create(
        vendor=instance.vendor,
        client=instance.client,
        journey_id=instance.journey_id,
        instance=instance,
        schedule_id=step.claim.schedule_id,
        node_id=step.claim.node_id,
        step_name=(step.node.name or step.claim.node_id)[:200],
        place=part_of_place(step, outcome),
        purpose=outcome.purpose,
        on_expiry=rule.on_expiry,
        contents=contents,
        goes_out_at=goes_out_at,
        created_at=now,
        expires_at=expires_at(step, rule, now=max(now, goes_out_at or now)),
    )
    audit.record(instance.vendor, "engine", "approval.asked", approval, now, node=step.claim.node_id)
    signals.approval_changed.send(sender=Approval, approval=approval, now=now)
    return _pending(approval, now=now, zone=step.calendar.wedding_zone)


def _pending(approval: Approval, *, now: datetime, zone: str) -> Consent:
    until = spoken(approval.expires_at, now=now, zone=zone)
    return Consent("pending", until=approval.expires_at, reason=f"Waits for your yes, until {until}.")


def expires_at(step: Step, rule: ApprovalRule, *, now: datetime) -> datetime:
    """Give people the time that the step says from when it is due, but none behind the date it hangs on."""
    after = (
        due_of(DurationTiming(**{"for": rule.expires}), calendar=step.calendar, reached=now).instant or now
    )
    hold, late = holding.hanging(step)
    limit = limit_of(late, hold, calendar=step.calendar)
    return min(after, limit) if limit is not None and limit > now else after


def _content(step: Step, outcome: Deliver, copy: Copy) -> dict[str, Any]:
    wording = wording_of(step, outcome, copy)
    spec_of(step, outcome, copy, wording)  # What could not go out anyway is not asked about.
    recipient = copy.recipient
    by_email = copy.channel == "email"
    return {
        "role": recipient.role,
        "name": recipient.name,
        "address": recipient.address(recipient.channel),
        "channel": copy.channel,
        "locale": recipient.locale,
        "subject": " ".join(wording.subject.split()),
        "body": readable(wording.body.strip()) if by_email else wording.body.strip(),
    }


def readable(markdown: str) -> str:
    """Take away backslashes that change nothing, paragraph by paragraph, so that people can read the source."""
    return "\n\n".join(
        plain if to_html(plain := _ESCAPED.sub(r"\1", one)) == to_html(one) else one
        for one in re.split(r"\n{2,}", markdown)
    )


def _close(approval: Approval, status: Approval.Status, *, now: datetime) -> None:
    """End a question that nobody answered."""
    approval.status, approval.decided_at, approval.decided_by = status, now, "engine"
    approval.save(update_fields=["status", "decided_at", "decided_by"])
    audit.record(approval.vendor, "engine", f"approval.{status.value}", approval, now)
    signals.approval_changed.send(sender=Approval, approval=approval, now=now)
