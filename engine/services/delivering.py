"""Carry a step's messages to the provider: ledger first, call outside any transaction, result with the step.

What is covered: a crash before the call leaves a row `sending` that the next claim finds and settles; a crash
after the provider took the message does the same; a lease that was lost stops before the next call. What is
accepted: between the ledger's commit and the call lies a moment in which a pause or an opt-out comes too late.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from channels.contract import SendResult
from channels.models import Message
from channels.rendering import render_message
from channels.services import sending
from engine.models import Instance, NodeExecution
from engine.services import claims, failures
from engine.services.commits import Stay
from engine.services.steps import Step
from journeys.language.calendar import SendingHours
from journeys.language.errors import ErrorClass, TextError
from journeys.language.outcomes import Advance, Deliver, Fail
from journeys.models import Vendor
from journeys.recipients import recipients

Status = Message.Status

#: How often a message in doubt is looked into again, in engine time.
DOUBT_EVERY = timedelta(seconds=30)
#: Time for all calls of one task; a further recipient waits for the next task (hard limit: 15 s).
CALLS_BUDGET_SECONDS = 6.0


@dataclass(slots=True)
class Delivery:
    """The messages of one step, one for each person."""

    step: Step
    outcome: Deliver
    specs: Sequence[sending.MessageSpec]
    messages: list[Message] = field(default_factory=list)
    #: Called, but not yet written down.
    pending: tuple[Message, SendResult] | None = None
    retry_after: timedelta = timedelta()
    cut_short: bool = False

    @classmethod
    def begin(cls, step: Step, outcome: Deliver, *, now: datetime) -> Delivery | None:
        """Check everything once more and write the first ledger row, inside the caller's transaction (T1).

        None when nothing is to be sent now; the step then says why. The instance was locked before it was read
        (`runner.prepare`), so a pause or cancellation waits until the transaction ends.

        Raises:
            LeaseLost: the lease has ended.
        """
        claims.renew(step.claim)
        instance = step.instance
        if instance is None:
            message = "A delivery needs its instance: prepare the step first."
            raise ValueError(message)
        if instance.status != Instance.Status.ACTIVE:
            step.hold(until=now, reason=f"Held: the journey is {instance.get_status_display().lower()}.")
            return None
        opens = _next_opening(instance.vendor, zone=step.calendar.wedding_zone, now=now)
        if opens > now:
            step.hold(until=opens, reason="Put off until the sending hours begin.")
            return None
        specs = _specs(step, outcome, instance)
        if isinstance(specs, Fail):
            failures.resolve(step, specs, now=now)
            return None
        delivery = cls(step, outcome, specs)
        delivery.messages.append(sending.prepare(spec=specs[0], fence=step.claim.fence, now=now))
        return delivery

    def carry_out(self, *, now: datetime) -> None:
        """Call the provider for each message, outside any transaction.

        Raises:
            LeaseLost: before one of the calls; what was called for is in the ledger.
        """
        begun = time.monotonic()
        self._call(now=now)
        for spec in self.specs[1:]:
            if time.monotonic() - begun > CALLS_BUDGET_SECONDS:
                self.cut_short = True
                break
            # What the provider said is kept even if the lease is gone: in a transaction of its own.
            with transaction.atomic():
                self._record_pending(now=now)
            with transaction.atomic():
                claims.renew(self.step.claim)
                self.messages.append(sending.prepare(spec=spec, fence=self.step.claim.fence, now=now))
            self._call(now=now)

    def close(self, *, now: datetime) -> None:
        """Write the last result and say how the step goes on, inside the caller's transaction (T2)."""
        self._record_pending(now=now)
        statuses = {message.status for message in self.messages}
        step = self.step
        if Status.IN_DOUBT in statuses:
            step.hold(
                until=now + DOUBT_EVERY, reason="In doubt: nobody knows yet whether the provider took it."
            )
        elif Status.UNKNOWN in statuses:
            failures.park(
                step,
                Fail(
                    ErrorClass.PERMANENT,
                    "in_doubt",
                    "It could not be found out whether the message went out. Retry to send it again, or skip.",
                ),
                now=now,
            )
        elif Status.RETRY in statuses:
            self._try_again(now=now)
        elif self.cut_short:
            step.hold(until=now, reason="More people of this step follow.")
        elif Status.ACCEPTED not in statuses and Status.REJECTED in statuses:
            failures.resolve(step, self._refusal(), now=now)
        else:
            self._advance(now=now)

    def _call(self, *, now: datetime) -> None:
        message = self.messages[-1]
        if message.status == Status.SENDING:
            self.pending = (message, sending.hand_over(message))
        elif message.status == Status.IN_DOUBT:
            self.messages[-1] = self._settle(message, now=now)

    def _settle(self, message: Message, *, now: datetime) -> Message:
        message = sending.settle_in_doubt(message=message, now=now)
        if sending.doubt_expired(message=message, now=now):
            with transaction.atomic():
                return sending.settle_by_policy(
                    message_id=message.id, policy=self.outcome.when_in_doubt, now=now
                )
        return message

    def _record_pending(self, *, now: datetime) -> None:
        if self.pending is None:
            return
        message, result = self.pending
        self.pending = None
        recorded = sending.record(message_id=message.id, fence=self.step.claim.fence, result=result, now=now)
        self.messages = [recorded if one.id == recorded.id else one for one in self.messages]
        if result.retry_after:
            self.retry_after = max(self.retry_after, result.retry_after)

    def _try_again(self, *, now: datetime) -> None:
        message = next(one for one in self.messages if one.status == Status.RETRY)
        if message.settled_by in {"lookup", "policy"}:
            self.step.hold(until=now, reason="The provider does not have it, so it is sent again.")
            return
        reason = message.reason or "The provider could not take it now."
        failures.resolve(
            self.step, Fail(ErrorClass.TRANSIENT, message.error_code or "provider", reason), now=now
        )
        stay = self.step.stay
        if stay and stay.due_at and self.retry_after:
            self.step.stay = Stay(max(stay.due_at, now + self.retry_after), stay.reason, stay.attempt)

    def _refusal(self) -> Fail:
        message = next(one for one in self.messages if one.status == Status.REJECTED)
        error_class = ErrorClass(message.error_class or ErrorClass.PERMANENT)
        return Fail(
            error_class, message.error_code or "refused", message.reason or "The provider refused it."
        )

    def _advance(self, *, now: datetime) -> None:
        sent = [one for one in self.messages if one.status == Status.ACCEPTED]
        left_out = [one for one in self.messages if one.status != Status.ACCEPTED]
        self.step.follow(
            Advance(
                port=self.outcome.port,
                output={"sent": len(sent), "messages": [one.public_id for one in sent]},
                reason=" ".join(one.reason for one in left_out if one.reason),
            ),
            now=now,
        )
        if not sent:
            self.step.status = NodeExecution.Status.SKIPPED


def _next_opening(vendor: Vendor, *, zone: str, now: datetime) -> datetime:
    if not vendor.sending_hours:
        return now
    return SendingHours.from_setting(vendor.sending_hours).next_open(now, zone)


def _specs(step: Step, outcome: Deliver, instance: Instance) -> list[sending.MessageSpec] | Fail:
    people = recipients(instance.wedding, instance.client, outcome.to, channel=outcome.channel)
    if not people:
        roles = " or ".join(role.replace("_", " ") for role in outcome.to)
        return Fail(ErrorClass.USER, "no_recipient", f"This wedding has no {roles}: add the person.")
    specs = []
    for recipient in people:
        facts = {**step.facts, "recipient": recipient.facts()}
        try:
            rendered = render_message(
                channel=outcome.channel,
                subject=outcome.subject,
                body=outcome.body,
                facts=facts,
                purpose=outcome.purpose,
            )
        except TextError as error:
            return Fail(ErrorClass.USER, "text_incomplete", str(error))
        specs.append(
            sending.MessageSpec(
                vendor=instance.vendor,
                client=instance.client,
                key=f"{step.source}:{recipient.role}",
                instance_ref=instance.public_id,
                node_id=step.claim.node_id,
                channel=outcome.channel,
                purpose=outcome.purpose,
                recipient=recipient,
                subject=rendered.subject,
                text=rendered.text,
                html=rendered.html,
            )
        )
    return specs
