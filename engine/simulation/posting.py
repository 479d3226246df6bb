"""Send without sending: the engine's own delivery, with a provider that takes everything and tells nobody."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from channels.addresses import index_of
from channels.models import Message
from engine.models import NodeExecution
from engine.services import failures
from engine.services.delivering import asking, holding, sent_before
from engine.services.delivering.copies import Copy, copies_of, instance_of, settings_of, spec_of, wording_of
from engine.services.delivering.delivery import Delivery
from engine.services.steps import Step
from engine.simulation import calendar
from engine.simulation.world import Passage, Token, World
from journeys.language.errors import ErrorClass, TextError
from journeys.language.gates import NeverOpens, Sent, Situation, spoken
from journeys.language.outcomes import Deliver, Fail
from journeys.language.passages import late_gap
from journeys.language.sending import ApprovalRule
from journeys.recipients import VENDOR

Status = Message.Status

EXPIRED = "Nobody has approved this message in time. Retry to send it as it is, or skip it."


@dataclass(frozen=True, slots=True)
class _Row:
    """As much of a message's row as a delivery looks at."""

    status: str
    reason: str
    public_id: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a step that sends."""

    copies: tuple[calendar.Copy, ...] = ()
    #: A person would be asked first.
    needs_approval: bool = False
    #: Which of several sendings of the step it was.
    part: str = ""


@dataclass(slots=True, kw_only=True)
class PaperDelivery(Delivery):
    """A delivery whose ledger is a list and whose provider says yes."""

    world: World
    passage: Passage
    token: Token
    texts: bool
    #: Nobody approves what asks for it.
    nobody_approves: bool = False
    asked: bool = False
    made: list[calendar.Copy] = field(default_factory=list)

    def go(self, *, now: datetime) -> None:
        """Settle the step, in the order of `Delivery.begin`, `carry_out` and `close`."""
        try:
            if not self._may_go(now=now):
                return
            for copy in self.copies:
                self._write(copy)
        except NeverOpens as error:
            failures.park(self.step, Fail(ErrorClass.USER, "never_opens", str(error)), now=now)
            return
        except TextError as error:
            self.made.clear()
            failures.resolve(self.step, Fail(ErrorClass.USER, "text_incomplete", str(error)), now=now)
            return
        self.close(now=now)
        self._remember(now=now)

    def _may_go(self, *, now: datetime) -> bool:
        instance = instance_of(self.step)
        anchor = self.step.calendar.anchors.get("wedding")
        situation = Situation(
            wedding_day=anchor.day if anchor else None,
            wedding_zone=self.step.calendar.wedding_zone,
            vendor_zone=self.step.calendar.vendor_zone,
            history=self.world.sent,
            # A step that comes back from a person is no longer late: the engine judges it from then on.
            late_after=self._late_after() if self.step.late and not self._is_asked() else None,
            is_shooting=self.world.around.is_shooting,
            holiday_name=self.step.calendar.business.holiday_name,
        )
        rules = self.world.rules_of(instance.vendor)
        goes_out = [copy for copy in self.copies if copy.key not in self.kept]
        if not goes_out:
            return True
        held = holding.judge_by(self.step, self.outcome, goes_out, rules=rules, situation=situation, now=now)
        if held is not None and held.side != "wait" and self._comes_too_late(held, now=now):
            return False
        return self._consents(now=now) and not self._is_held(held)

    def _late_after(self) -> datetime | None:
        """Give the moment from which a late step may write: so long after the last message of its passage."""
        mine, passage = str(self.step.source), self.passage
        last = max((at for place, at in passage.sent_at.items() if place != mine), default=None)
        return None if last is None else last + late_gap(self.step.graph.late_start)

    def _consents(self, *, now: datetime) -> bool:
        """Ask for approval where the step or the vendor wants it; on paper, it is given or nobody answers."""
        self.asked = self._is_asked()
        if not self.asked or not self.nobody_approves:
            return True
        settings = settings_of(self.step)
        rule = settings.approval if settings else ApprovalRule()
        if self.token.asked_until is None:
            self.token.asked_until = asking.expires_at(self.step, rule, now=now)
        if now < self.token.asked_until:
            until = spoken(self.token.asked_until, now=now, zone=self.step.calendar.wedding_zone)
            self.step.hold(until=self.token.asked_until, reason=f"Waits for your yes, until {until}.")
            return False
        if rule.on_expiry == "send":
            return True
        if rule.on_expiry == "skip":
            self._leave_out("Skipped: nobody approved it in time.", now=now)
            return False
        failures.park(
            self.step,
            Fail(ErrorClass.USER, "approval_expired", EXPIRED),
            now=now,
        )
        return False

    def _is_asked(self) -> bool:
        settings, instance = settings_of(self.step), instance_of(self.step)
        rule = settings.approval if settings else ApprovalRule()
        if rule.mode == "always":
            return True
        if all(copy.recipient.role == VENDOR for copy in self.copies):
            return False
        if instance.client.approve_all or self.world.rules_of(instance.vendor).approve_all:
            return True
        return rule.mode == "first" and self.world.around.approved(self.step.claim.node_id) < rule.first

    def _write(self, copy: Copy) -> None:
        """Write one copy into the ledger of this world, as the provider took it or as it is withheld."""
        kept = self.kept.get(copy.key, "")
        withheld = kept or withheld_because(copy, self.world)
        if kept:
            self.passage.kept[self.step.claim.node_id, copy.recipient.role] += 1
        subject = text = ""
        if self.texts and not kept:
            spec = spec_of(self.step, self.outcome, copy, wording_of(self.step, self.outcome, copy))
            subject, text = spec.subject, spec.text
        recipient = copy.recipient
        self.made.append(calendar.Copy(recipient.role, recipient.name, copy.channel, subject, text, withheld))
        self.messages.append(
            cast("Message", _Row(Status.WITHHELD if withheld else Status.ACCEPTED, withheld))
        )

    def _remember(self, *, now: datetime) -> None:
        """Keep what went out, for the rules that count."""
        if any(message.status == Status.ACCEPTED for message in self.messages):
            self.passage.sent_at[str(self.step.source)] = now
        if not self.world.rules_of(instance_of(self.step).vendor).counts:
            return
        went = [
            copy
            for copy, message in zip(self.copies, self.messages, strict=True)
            if message.status == Status.ACCEPTED
        ]
        people = [holding.person_of(copy) for copy in went if copy.recipient.role != VENDOR]
        if people:
            self.world.sent.append(
                Sent(
                    at=now,
                    purpose=self.outcome.purpose,
                    people=frozenset().union(*(person.keys for person in people)),
                    couple=any(person.couple for person in people),
                )
            )


def post(
    step: Step,
    outcome: Deliver,
    world: World,
    passage: Passage,
    token: Token,
    *,
    texts: bool,
    nobody_approves: bool,
    now: datetime,
) -> Posted:
    """Settle a step that sends, as if the provider took every message."""
    copies = copies_of(step, outcome)
    if isinstance(copies, Fail):
        failures.resolve(step, copies, now=now)
        return Posted()
    left = sent_before.left_before(step, outcome)
    if left is not None:
        step.reason = left.reason
        step.leave(port=left.port, status=NodeExecution.Status.SKIPPED, now=now)
        return Posted()
    node_id = step.claim.node_id
    also = {role: times for (name, role), times in passage.kept.items() if name == node_id}
    delivery = PaperDelivery(
        step,
        outcome,
        copies,
        kept=sent_before.kept(step, outcome, copies, also=also),
        world=world,
        passage=passage,
        token=token,
        texts=texts,
        nobody_approves=nobody_approves,
    )
    delivery.go(now=now)
    return Posted(tuple(delivery.made), delivery.asked, outcome.part)


def withheld_because(copy: Copy, world: World) -> str:
    """Say why a copy must not go out, as `channels.services.sending.withheld_because` does from tables."""
    recipient, channel = copy.recipient, copy.channel
    by_email = channel == "email"
    kind = "email address" if by_email else "phone number"
    if not (recipient.email_allowed if by_email else recipient.sms_allowed):
        return f"Not sent: this person does not want to get {'email' if by_email else 'texts'}."
    address = recipient.address(recipient.channel)
    if not address:
        return f"Not sent: no {kind} is known for {recipient.role.replace('_', ' ')}."
    suppressed = world.couple.suppressed
    because = suppressed.get((channel, index_of(address)), "") if suppressed else ""
    return f"Not sent: the {kind} must not be written to ({because.replace('_', ' ')})." if because else ""
