"""Take in what providers report: once each, in any order, with the same end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, transaction

from channels.addresses import index_of
from channels.contract import DeliveryReport, ReportKind
from channels.models import DeliveryEvent, Message
from channels.services.suppression import lift, suppress
from channels.signals import message_reported, message_settled, report_broke

log = structlog.get_logger(__name__)

Status = Message.Status
Delivery = Message.Delivery

#: A later word never takes back a weightier one, so the order in which reports come does not matter.
RANK = {
    Delivery.NONE: 0,
    Delivery.QUEUED: 1,
    Delivery.DEFERRED: 2,
    Delivery.DROPPED: 3,
    Delivery.DELIVERED: 4,
    Delivery.BOUNCED: 5,
    Delivery.OPENED: 6,
    Delivery.CLICKED: 7,
    Delivery.UNSUBSCRIBED: 8,
    Delivery.COMPLAINED: 9,
}
#: A report about a message in one of these proves that the provider took it.
PROVABLE = frozenset({Status.SENDING, Status.IN_DOUBT, Status.RETRY, Status.UNKNOWN})


def receive(*, provider: str, reports: Sequence[DeliveryReport], now: datetime) -> int:
    """Store the reports that are new, apply them, and return how many were new.

    Each message's reports are one transaction of its own, so answer the provider only after this returns. A second
    call with the same reports changes nothing; reports about messages that are no longer here are left out.
    """
    by_message: dict[str, list[DeliveryReport]] = defaultdict(list)
    new = 0
    for report in reports:
        if report.message_id is None:
            new += _receive_about_address(provider, report, now=now)
        else:
            by_message[report.message_id].append(report)
    for message_id, group in by_message.items():
        new += _receive_about_message(provider, message_id, group, now=now)
    return new


def receive_or_keep(*, provider: str, reports: Sequence[DeliveryReport], now: datetime) -> int:
    """Receive; a report that breaks by a fault of ours is kept by who listens, and holds up no other.

    Return how many were new.

    Raises:
        Exception: what broke, when nobody keeps it or the database can not be reached: the provider has to repeat it.
    """
    try:
        return receive(provider=provider, reports=reports, now=now)
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        log.exception("delivery_reports_broke", provider=provider, reports=len(reports))
    return sum(_receive_alone(provider, report, now=now) for report in reports)


def _receive_alone(provider: str, report: DeliveryReport, *, now: datetime) -> int:
    try:
        return receive(provider=provider, reports=[report], now=now)
    except (InterfaceError, OperationalError):
        raise
    except Exception as error:
        answers = report_broke.send(sender=DeliveryReport, report=report, error=error, now=now)
        if not any(kept for _, kept in answers):
            raise
        return 0


def _receive_about_message(
    provider: str, message_id: str, reports: Iterable[DeliveryReport], *, now: datetime
) -> int:
    with transaction.atomic():
        message = (
            Message.objects.select_for_update(of=("self",))
            .filter(public_id=message_id, provider=provider)
            .first()
        )
        if message is None:
            log.warning("delivery_report_without_message", provider=provider, message=message_id)
            return 0
        # The row's lock makes this look before the insert safe: nobody else takes in its reports now.
        unique = {report.event_key: report for report in reports}
        stored = DeliveryEvent.objects.filter(provider=provider, event_key__in=unique)
        for event_key in stored.values_list("event_key", flat=True):
            del unique[event_key]
        events = DeliveryEvent.objects.bulk_create(
            [_event(provider, report, message=message, now=now) for report in unique.values()]
        )
        if not events:
            return 0
        settled = _apply(message, list(unique.values()), now=now)
        for report in unique.values():
            if report.suppress and message.address:
                suppress(
                    vendor_id=message.vendor_id,
                    channel=message.channel,
                    address=message.address,
                    reason=report.suppress,
                    now=now,
                )
        if settled:
            message_settled.send(sender=Message, message=message, now=now)
        for event in events:
            message_reported.send(sender=DeliveryEvent, message=message, event=event, now=now)
        return len(events)


def _apply(message: Message, reports: Sequence[DeliveryReport], *, now: datetime) -> bool:
    """Raise the message's delivery to the weightiest word; tell whether this settled a doubt."""
    known = [Delivery(report.kind.value) for report in reports if report.kind.value in Delivery.values]
    message.delivery = max([Delivery(message.delivery), *known], key=RANK.__getitem__)
    settled = message.status in PROVABLE
    if settled:
        message.status = Status.ACCEPTED
        message.settled_by = "callback"
        message.settled_at = now
        message.reason = ""
        message.error_class = message.error_code = ""
    if not message.provider_id:
        message.provider_id = next((report.provider_id for report in reports if report.provider_id), "")
    message.save(
        update_fields=[
            "delivery", "status", "settled_by", "settled_at", "reason", "error_class", "error_code", "provider_id",
        ]
    )  # fmt: skip
    return settled


def _receive_about_address(provider: str, report: DeliveryReport, *, now: datetime) -> int:
    """Let every vendor that wrote to an address hear that the person there answered: STOP, START or anything."""
    with transaction.atomic():
        try:
            with transaction.atomic():
                _event(provider, report, message=None, now=now).save(force_insert=True)
        except IntegrityError:
            return 0
        written_to = Message.objects.filter(channel=report.channel, address_index=index_of(report.address))
        vendors = sorted(written_to.order_by().values_list("vendor_id", flat=True).distinct())
        for vendor_id in vendors:
            if report.suppress:
                suppress(
                    vendor_id=vendor_id,
                    channel=report.channel,
                    address=report.address,
                    reason=report.suppress,
                    now=now,
                )
            elif report.kind == ReportKind.RESUBSCRIBED:
                lift(vendor_id=vendor_id, channel=report.channel, address=report.address, reasons=("stop",))
        if report.kind == ReportKind.ANSWERED:
            _answer_to_each(provider, report, vendors=vendors, now=now)
        return 1


def _answer_to_each(provider: str, report: DeliveryReport, *, vendors: Sequence[int], now: datetime) -> None:
    """Count an answer for the last message that each vendor sent there: nobody says which one it answers."""
    sent = Message.objects.filter(
        channel=report.channel, address_index=index_of(report.address), status=Status.ACCEPTED
    )
    for vendor_id in vendors:
        message = sent.filter(vendor_id=vendor_id).order_by("-id").first()
        if message is None:
            continue
        event = _event(provider, report, message=message, now=now)
        event.event_key = f"{message.public_id}:{report.event_key}"[:240]
        event.raw = None  # kept once, with the report itself
        event.save(force_insert=True)
        message_reported.send(sender=DeliveryEvent, message=message, event=event, now=now)


def _event(provider: str, report: DeliveryReport, *, message: Message | None, now: datetime) -> DeliveryEvent:
    return DeliveryEvent(
        provider=provider,
        event_key=report.event_key,
        message=message,
        kind=report.kind.value,
        raw=dict(report.raw),
        occurred_at=report.occurred_at,
        received_at=now,
    )
