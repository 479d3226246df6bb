"""One step's messages on their way: ledger first, call outside any transaction, result with the step.

What is covered: a crash before the call leaves a row `sending` that the next claim finds and settles; a crash
after the provider took the message does the same; a lease that was lost stops before the next call. What is
accepted: between the ledger's commit and the call lies a moment in which a pause or an opt-out comes too late.
Where a provider's account does not work (`channels.services.circuits`), nothing is written and the step waits.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import transaction

from channels.contract import SendResult, Verdict
from channels.models import Message
from channels.rendering import Wording
from channels.services import admission, sending
from channels.services.admission import Permit
from channels.services.circuits import Barred
from engine.models import Instance, NodeExecution, TicketLine
from engine.services import claims, failures
from engine.services.delivering import asking, barring, holding, sent_before
from engine.services.delivering.copies import Copy, copies_of, instance_of, kept_spec_of, spec_of, wording_of
from engine.services.delivering.holding import Held
from engine.services.results import Stay
from engine.services.steps import Step
from journeys.language.errors import ErrorClass, TextError
from journeys.language.gates import NeverOpens
from journeys.language.outcomes import Advance, Deliver, Fail

Status = Message.Status

#: How often a message in doubt is looked into again, in engine time.
DOUBT_EVERY = timedelta(seconds=30)
#: Time for all calls of one task; a further recipient waits for the next task (hard limit: 15 s).
CALLS_BUDGET_SECONDS = 6.0
#: So near to the wedding a question that nobody has answered is an emergency.
NEAR = timedelta(hours=48)

#: Fates that nothing here changes any more.
FINAL = frozenset({Status.ACCEPTED, Status.REJECTED, Status.WITHHELD, Status.UNKNOWN})
DOUBTFUL = frozenset({Status.SENDING, Status.IN_DOUBT})


@dataclass(slots=True)
class Delivery:
    """The messages of one step, one for each person."""

    step: Step
    outcome: Deliver
    copies: Sequence[Copy]
    #: Words that a person has approved, by role.
    wordings: Mapping[str, Wording] = field(default_factory=dict)
    #: Why copies are not sent that went out before the passage was put back, by key.
    kept: Mapping[str, str] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    #: Called, but not yet written down.
    pending: tuple[Message, SendResult] | None = None
    retry_after: timedelta = timedelta()
    cut_short: bool = False
    #: Why some copies are not among `copies` now.
    barred: Barred | None = None
    #: For the message at hand.
    permit: Permit = field(default_factory=Permit)
    #: A probe has failed: this was no attempt of the step.
    probe_failed: bool = False

    @classmethod
    def begin(cls, step: Step, outcome: Deliver, *, now: datetime) -> Delivery | None:
        """Check everything once more and write the first ledger row, inside the caller's transaction (T1).

        None when nothing is to be sent now; the step then says why. The instance was locked before it was read
        (`runner.prepare`), so a pause or cancellation waits until the transaction ends.

        Raises:
            LeaseLost: the lease has ended.
        """
        claims.renew(step.claim)
        instance = instance_of(step)
        if instance.status != Instance.Status.ACTIVE:
            step.hold(until=now, reason=f"Held: the journey is {instance.get_status_display().lower()}.")
            return None
        copies = copies_of(step, outcome)
        if isinstance(copies, Fail):
            failures.resolve(step, copies, now=now)
            return None
        left = sent_before.left_before(step, outcome)
        if left is not None:
            step.reason = left.reason
            step.leave(port=left.port, status=NodeExecution.Status.SKIPPED, now=now)
            return None
        delivery = cls(step, outcome, copies, kept=sent_before.kept(step, outcome, copies))
        try:
            return delivery if delivery._may_go(now=now) and delivery._open_ledger(now=now) else None
        except NeverOpens as error:
            failures.park(step, Fail(ErrorClass.USER, "never_opens", str(error)), now=now)
        except TextError as error:
            delivery.permit.give_back()
            failures.resolve(step, Fail(ErrorClass.USER, "text_incomplete", str(error)), now=now)
        return None

    def carry_out(self, *, now: datetime) -> None:
        """Call the provider for each message, outside any transaction.

        Raises:
            LeaseLost: before one of the calls; what was called for is in the ledger.
        """
        begun = time.monotonic()
        self._call(now=now)
        while len(self.messages) < len(self.copies):
            if time.monotonic() - begun > CALLS_BUDGET_SECONDS:
                self.cut_short = True
                break
            # What the provider said is kept even if the lease is gone: in a transaction of its own.
            with transaction.atomic():
                self._record_pending(now=now)
            with transaction.atomic():
                claims.renew(self.step.claim)
                if not self._next_still_fits(now=now):
                    self.cut_short = True
                    break
                if not self._way_is_free(now=now):
                    continue
                self._prepare_next(now=now)
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
        elif self.barred is not None:
            self._put_off(self.barred, now=now)
        elif self.cut_short:
            step.hold(until=now, reason="More people of this step follow.")
        elif Status.ACCEPTED not in statuses and Status.REJECTED in statuses:
            failures.resolve(step, self._refusal(), now=now)
        else:
            self._advance(now=now)

    # -- before anything is sent

    def _may_go(self, *, now: datetime) -> bool:
        """Ask the gates and the person who approves; False when the step was told what happens instead."""
        ledger = dict(
            Message.objects.filter(key__in=[copy.key for copy in self.copies]).values_list("key", "status")
        )
        waiting = [
            copy for copy in self.copies if ledger.get(copy.key) not in FINAL and copy.key not in self.kept
        ]
        if not waiting:
            return True
        held = holding.judge(self.step, self.outcome, waiting, now=now)
        if held is not None:
            doubtful = [copy for copy in waiting if ledger.get(copy.key) in DOUBTFUL]
            if doubtful:
                # Finding out what became of these sends nothing; the others wait.
                self.copies, self.cut_short = doubtful, True
                return True
            if held.side != "wait" and self._comes_too_late(held, now=now):
                return False
        return self._is_approved(waiting, held, now=now) and not self._is_held(held)

    def _is_held(self, held: Held | None) -> bool:
        if held is None:
            return False
        self.step.hold(until=held.gate.opens, reason=held.gate.reason)
        return True

    def _comes_too_late(self, held: Held, *, now: datetime) -> bool:
        """Let the late rule decide at once about what could only go out behind its date.

        False when a person was asked already and wants it all the same; it then waits like everything else.
        """
        step = self.step
        if held.side == "ask":
            if holding.person_said_send(step):
                return False
            failures.park(
                step,
                Fail(
                    ErrorClass.USER,
                    "late_ask",
                    f"It could only go out behind its date, {held.gate.because}. "
                    "Retry to send it then all the same, or skip it.",
                ),
                now=now,
            )
        else:
            self._leave_out(
                f"Skipped: it could not go out before its date had passed: {held.gate.because}.", now=now
            )
        return True

    def _is_approved(self, waiting: Sequence[Copy], held: Held | None, *, now: datetime) -> bool:
        step = self.step
        consent = asking.consent(
            step, self.outcome, waiting, goes_out_at=held.gate.opens if held else None, now=now
        )
        self.wordings = consent.wordings
        if consent.state == "given":
            return True
        if consent.until is not None:
            step.hold(until=consent.until, reason=consent.reason)
        elif consent.state == "escalate":
            failures.park(step, Fail(ErrorClass.USER, "approval_expired", consent.reason), now=now)
            distance = failures.seconds_to_wedding(step.claim, now=now)
            if step.ticket and distance is not None and abs(distance) <= NEAR.total_seconds():
                step.ticket = replace(step.ticket, level=TicketLine.Level.EMERGENCY.value)
        else:
            self._leave_out(consent.reason, now=now)
        return False

    def _leave_out(self, reason: str, *, now: datetime) -> None:
        """Pass over this sending; one of several of a step (a reminder) leaves the step where it is."""
        step, outcome = self.step, self.outcome
        if not outcome.part or outcome.then is None:
            step.skip(reason, now=now)
            return
        step.wait(outcome.then, now=now)
        step.changes = (*outcome.changes, *step.changes)
        step.reason = reason
        if step.stay:
            step.stay = replace(step.stay, quiet=False)

    def _open_ledger(self, *, now: datetime) -> bool:
        """Write rows until one may be handed over, so that whoever counts next sees this sending.

        False when all that is left has to wait for a provider; the step was told.
        """
        while len(self.messages) < len(self.copies):
            if not self._way_is_free(now=now):
                continue
            self._prepare_next(now=now)
            if self.messages[-1].status in DOUBTFUL:
                return True
        if self.barred is not None:
            self._put_off(self.barred, now=now)
        return self.barred is None

    def _way_is_free(self, *, now: datetime) -> bool:
        """Ask the circuit of the next copy's provider; a copy that has to wait is left out for now."""
        copy = self.copies[len(self.messages)]
        if copy.key in self.kept:
            return True
        keys = [one.key for one in self.copies]
        answer = admission.ask(channel=copy.channel, key=copy.key, keys=keys, now=now)
        if isinstance(answer, Permit):
            self.permit = answer
            return True
        self.barred = self.barred or answer
        self.copies = [one for one in self.copies if one.key != copy.key]
        return False

    def _put_off(self, barred: Barred, *, now: datetime, first: bool = False) -> None:
        barring.put_off(
            self.step,
            barred,
            now=now,
            first=first,
            too_late=lambda held: self._comes_too_late(held, now=now),
        )

    def _prepare_next(self, *, now: datetime) -> None:
        copy = self.copies[len(self.messages)]
        if copy.key in self.kept:
            spec = kept_spec_of(self.step, self.outcome, copy, self.kept[copy.key])
        else:
            wording = self.wordings.get(copy.recipient.role) or wording_of(self.step, self.outcome, copy)
            spec = spec_of(self.step, self.outcome, copy, wording)
        self.messages.append(sending.prepare(spec=spec, fence=self.step.claim.fence, now=now))
        if self.messages[-1].status != Status.SENDING:
            self.permit.give_back()

    def _next_still_fits(self, *, now: datetime) -> bool:
        """Look once more whether another journey has written to the next person meanwhile."""
        rules = holding.rules_of(instance_of(self.step).vendor)
        if not rules.counts:
            return True
        copy = self.copies[len(self.messages)]
        if copy.key in self.kept:
            return True
        return holding.judge(self.step, self.outcome, [copy], now=now) is None

    # -- while it is being sent

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
        was_probe = admission.heard(message, result, permit=self.permit, now=now)
        self.probe_failed |= was_probe and result.verdict is Verdict.RETRY
        if result.retry_after and result.verdict is Verdict.RETRY:
            self.retry_after = max(self.retry_after, result.retry_after)

    # -- afterwards

    def _try_again(self, *, now: datetime) -> None:
        message = next(one for one in self.messages if one.status == Status.RETRY)
        if message.settled_by in {"lookup", "policy", "person"}:
            self.step.hold(until=now, reason="The provider does not have it, so it is sent again.")
            return
        reason = message.reason or "The provider could not take it now."
        failure = Fail(
            ErrorClass(message.error_class or ErrorClass.TRANSIENT), message.error_code or "provider", reason
        )
        barred = self._barred_by_fault(message, failure, now=now)
        if barred is not None:
            self.step.error_class, self.step.error_code = failure.error_class.value, failure.code
            self._put_off(barred, now=now, first=True)
            return
        failures.resolve(self.step, failure, now=now)
        stay = self.step.stay
        if stay and stay.due_at and self.retry_after:
            self.step.stay = Stay(max(stay.due_at, now + self.retry_after), stay.reason, stay.attempt)

    def _barred_by_fault(self, message: Message, failure: Fail, *, now: datetime) -> Barred | None:
        """Find the circuit that a fault of the account has opened, or a probe that failed keeps open."""
        if not (self.probe_failed or failure.error_class is ErrorClass.ACCOUNT):
            return None
        return admission.barred_now(message, now=now)

    def _refusal(self) -> Fail:
        message = next(one for one in self.messages if one.status == Status.REJECTED)
        error_class = ErrorClass(message.error_class or ErrorClass.PERMANENT)
        return Fail(
            error_class, message.error_code or "refused", message.reason or "The provider refused it."
        )

    def _advance(self, *, now: datetime) -> None:
        """Leave the step, or begin to wait there for what the message asks for."""
        sent = [one for one in self.messages if one.status == Status.ACCEPTED]
        left_out = " ".join(
            one.reason for one in self.messages if one.status != Status.ACCEPTED and one.reason
        )
        output = {"sent": len(sent), "messages": [one.public_id for one in sent]}
        step, outcome = self.step, self.outcome
        if not sent:
            self._nobody_got_it(left_out, now=now)
        elif outcome.then is not None:
            step.wait(outcome.then, now=now, soon=True)
            step.changes = (*outcome.changes, *step.changes)
            step.output = output
            if step.stay:
                step.stay = replace(step.stay, quiet=False)
        else:
            step.follow(Advance(port=outcome.port, output=output, reason=left_out), now=now)
            step.changes = outcome.changes

    def _nobody_got_it(self, reason: str, *, now: datetime) -> None:
        """Go on without waiting for an answer that nobody can give; a reminder's step waits on."""
        if self.outcome.part and self.outcome.then is not None:
            self._leave_out(reason, now=now)
            return
        self.step.follow(
            Advance(port=self.outcome.port, output={"sent": 0, "messages": []}, reason=reason), now=now
        )
        self.step.status = NodeExecution.Status.SKIPPED
