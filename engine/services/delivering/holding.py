"""What holds a message back right now, and whether it may wait that long; judged once more at every sending."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import connection

from channels.addresses import index_of
from channels.models import Message
from engine.models import TicketLine
from engine.services.delivering.copies import Copy, instance_of, settings_of
from engine.services.steps import Step
from journeys.language.calendar import SendingHours, local_time
from journeys.language.contact_rules import ContactRules
from journeys.language.gates import Gate, Person, Send, Sent, Situation, gate_for
from journeys.language.hanging import Hanging, Hold, Side, hanging_of, held_by_date, side
from journeys.language.outcomes import Deliver
from journeys.language.passages import late_gap
from journeys.language.settings import AnchorTiming, LateRule
from journeys.models import Vendor, Wedding
from journeys.recipients import PARTNERS, VENDOR
from journeys.scoping import owned_by

Status = Message.Status

#: What went out, or may have.
COUNTED = (Status.SENDING, Status.ACCEPTED, Status.IN_DOUBT, Status.UNKNOWN)
#: Days of the vendor's calendar that are read at once.
DAYS_AT_ONCE = 92


@dataclass(frozen=True, slots=True)
class Held:
    """Until when a message is held, and whether it may wait that long."""

    gate: Gate
    side: Side


@dataclass(slots=True)
class ShootingDays:
    """The days on which the vendor is at a wedding, read from the database where somebody asks about them."""

    vendor: Vendor
    _known: set[date] = field(default_factory=set)
    _read: list[tuple[date, date]] = field(default_factory=list)

    def __call__(self, day: date) -> bool:
        """Tell whether a wedding of the vendor takes place on this day."""
        if not any(first <= day <= last for first, last in self._read):
            last = day + timedelta(days=DAYS_AT_ONCE)
            rows = owned_by(self.vendor, Wedding).filter(
                status=Wedding.Status.PLANNED, date__range=(day, last)
            )
            self._known |= {found for found in rows.values_list("date", flat=True) if found}
            self._read.append((day, last))
        return day in self._known


def rules_of(vendor: Vendor) -> ContactRules:
    """Read the vendor's rules; they were checked when they were written."""
    return ContactRules.from_setting(vendor.contact_rules)


def lock_contact(client_id: int) -> None:
    """Let one message after the other be judged for a client, until the caller's transaction ends.

    After the instance and the schedule, before any message; nobody who holds it waits for those.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"contact:{client_id}"])


def judge(step: Step, outcome: Deliver, copies: Sequence[Copy], *, now: datetime) -> Held | None:
    """Say what holds these copies back; None when they may go out now.

    Inside the caller's transaction, which also writes the ledger: where earlier messages count, the client is locked,
    so that two journeys can not both find room for one message.

    Raises:
        NeverOpens: the rules leave no moment.
    """
    instance = instance_of(step)
    rules = rules_of(instance.vendor)
    if rules.counts or step.late:
        lock_contact(instance.client_id)
    history = history_of(step, outcome, rules, now=now) if rules.counts else ()
    situation = Situation(
        wedding_day=_wedding_day(step),
        wedding_zone=step.calendar.wedding_zone,
        vendor_zone=step.calendar.vendor_zone,
        history=history,
        late_after=late_after(step) if step.late else None,
        is_shooting=ShootingDays(instance.vendor),
        holiday_name=step.calendar.business.holiday_name,
    )
    return judge_by(step, outcome, copies, rules=rules, situation=situation, now=now)


def late_after(step: Step) -> datetime | None:
    """Give the moment from which a late step may write: so long after the last message of its passage."""
    rows = Message.objects.filter(
        instance_ref=instance_of(step).public_id, status__in=COUNTED, sending_at__isnull=False
    ).exclude(key__startswith=f"{step.source}:")
    last = rows.order_by("-sending_at").values_list("sending_at", flat=True).first()
    return None if last is None else last + late_gap(step.graph.late_start)


def judge_by(
    step: Step,
    outcome: Deliver,
    copies: Sequence[Copy],
    *,
    rules: ContactRules,
    situation: Situation,
    now: datetime,
) -> Held | None:
    """Say what holds these copies back in a situation that is known; touches nothing.

    Raises:
        NeverOpens: the rules leave no moment.
    """
    settings, (hold, late) = settings_of(step), hanging(step)
    send = Send(
        purpose=outcome.purpose,
        people=tuple(person_of(copy) for copy in copies),
        on_the_day=settings.on_the_day if settings else None,
        meant_for_the_day=_is_for_the_day(step, hold),
    )
    hours = SendingHours.from_setting(instance_of(step).vendor.sending_hours)
    gate = gate_for(send, now=now, hours=hours, rules=rules, situation=situation)
    if gate is None:
        return None
    return Held(gate, side(late, hold, opens=gate.opens, calendar=step.calendar))


def too_late(step: Step, *, now: datetime) -> Side:
    """Judge whether a step that was held for a person may still go out, or its date has gone by meanwhile."""
    hold, late = hanging(step)
    return side(late, hold, opens=now, calendar=step.calendar)


def person_of(copy: Copy) -> Person:
    """Give what the gates know of a recipient: role and address tell people apart, over all journeys of a client."""
    recipient = copy.recipient
    address = recipient.address(recipient.channel)
    keys = {f"role:{recipient.role}", *([f"address:{index_of(address)}"] if address else [])}
    return Person(
        channel=recipient.channel,
        keys=frozenset(keys),
        couple=recipient.of_couple,
        vendor=recipient.role == VENDOR,
        zone=recipient.zone,
        quiet=recipient.quiet,
    )


def history_of(step: Step, outcome: Deliver, rules: ContactRules, *, now: datetime) -> list[Sent]:
    """Read what this client's people got lately from whatever journey; this very sending is left out."""
    mine = f"{step.source}:"
    rows = Message.objects.filter(
        client_id=instance_of(step).client_id,
        status__in=COUNTED,
        sending_at__gt=now - rules.reach,
    ).exclude(recipient_role=VENDOR)
    groups: dict[str, list[tuple[datetime, str, str, str]]] = defaultdict(list)
    for key, at, purpose, role, address in rows.values_list(
        "key", "sending_at", "purpose", "recipient_role", "address_index"
    ):
        if at is None:
            continue
        place, _, last = key.rpartition(":")
        part = last.partition("#")[2]
        if not (key.startswith(mine) and part == outcome.part):
            groups[f"{place}#{part}"].append((at, purpose, role, address))
    return [sent_of(copies) for copies in groups.values()]


def sent_of(copies: Sequence[tuple[datetime, str, str, str]]) -> Sent:
    """Join the copies of one sending: (when, purpose, role, index of the address)."""
    return Sent(
        at=max(at for at, _, _, _ in copies),
        purpose="marketing" if copies[0][1] == "marketing" else "transactional",
        people=frozenset(
            key for _, _, role, address in copies for key in (f"role:{role}", f"address:{address}")
        ),
        couple=any(role in PARTNERS for _, _, role, _ in copies),
    )


def hanging(step: Step) -> tuple[Hold | None, LateRule | None]:
    """Give the date that the step hangs on, its own or that of the wait in front of it, and the late rule."""
    own = step.node.settings.late
    if ((step.instance and step.instance.decisions) or {}).get(step.claim.node_id) == "send":
        own = LateRule(rule="send")  # A person has decided so for this one step.
    meant = step.claim.meant
    if meant and meant.get("kind") == "anchor":
        found: Hanging | None = Hanging(AnchorTiming.model_validate(meant), own)
    else:
        found = None if meant else hanging_of(step.graph, step.claim.node_id)
    if found is None:
        return None, own
    return held_by_date(found.timing, calendar=step.calendar), own or found.late


def person_said_send(step: Step) -> bool:
    """Tell whether somebody was asked about this very step and said to do it; that is then its rule.

    Inside the caller's transaction, which writes it down.
    """
    instance = instance_of(step)
    asked = TicketLine.objects.filter(
        schedule_id=step.claim.schedule_id,
        instance_id=instance.id,
        code="late_ask",
        status=TicketLine.Status.RESOLVED,
        resolution__in=["retry", "resend", "edit"],
    )
    if not asked.exists():
        return False
    instance.decisions = {**(instance.decisions or {}), step.claim.node_id: "send"}
    instance.save(update_fields=["decisions"])
    return True


def _wedding_day(step: Step) -> date | None:
    anchor = step.calendar.anchors.get("wedding")
    return anchor.day if anchor else None


def _is_for_the_day(step: Step, hold: Hold | None) -> bool:
    anchor = step.calendar.anchors.get("wedding")
    if hold is None or hold.anchor != "wedding" or anchor is None:
        return False
    return local_time(hold.instant, anchor.zone).date() == anchor.day
