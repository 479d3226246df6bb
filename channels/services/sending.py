"""Hand messages over, each at most once, and settle the ones whose fate is in doubt.

The caller owns the step (its lease and fence) and the order:

1. `prepare` in the caller's transaction. Go on only when the message comes back as `sending`.
2. `hand_over` outside any transaction.
3. `record` in the transaction that moves the step.

A process that dies between 1 and 3 leaves `sending`. The next `prepare`, with a newer fence, finds it and makes it
`in_doubt`; from then on `settle_in_doubt` asks the provider, a report of the provider may settle it at any moment
(`services.callbacks`), and when `doubt_expired` says so the step's own rule decides in `settle_by_policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from channels.addresses import index_of
from channels.attachments import built
from channels.contract import LookUpState, OutboundMessage, SendResult, Sign, Verdict
from channels.links import callback_url, unsubscribe_url, with_unsubscribe_link
from channels.models import Message
from channels.registry import adapter_named
from channels.services.providers import provider_for
from channels.services.suppression import suppress, suppressed_because
from journeys.fields import new_public_id
from journeys.language.errors import ErrorClass
from journeys.language.outcomes import DoubtPolicy
from journeys.models import Client, Vendor
from journeys.recipients import Recipient

Status = Message.Status

#: The code of a message that is withheld because the person has it already.
SENT_BEFORE = "sent_before"
#: Longest reason that the ledger keeps, in characters.
REASON_LENGTH = 300


class StaleFence(Exception):
    """Somebody newer owns this message: give up the step and change nothing."""

    def __str__(self) -> str:
        return self.__doc__ or ""


@dataclass(frozen=True, slots=True)
class MessageSpec:
    """What is to be sent to whom, rendered."""

    vendor: Vendor
    client: Client
    #: "<instance>:<node>:<branch>:<visit>:<recipient>"; one message for each key, ever.
    key: str
    #: Public id of the instance, "" for a message sent by hand.
    instance_ref: str
    node_id: str
    #: "email" or "sms".
    channel: str
    #: "transactional" or "marketing".
    purpose: str
    recipient: Recipient
    subject: str
    text: str
    html: str
    #: As `channels.attachments` writes them; only for email.
    attachments: tuple[Mapping[str, Any], ...] = ()
    #: Why it is not sent although nothing forbids it: the person has it already. "" for what is to be sent.
    sent_before: str = ""


@transaction.atomic(savepoint=False)
def prepare(*, spec: MessageSpec, fence: int, now: datetime) -> Message:
    """Write the message into the ledger before the provider is called, and say whether it may be called.

    Runs inside the caller's transaction, which must commit before `hand_over`, and is rolled back with what is raised here.
    What comes back:

    - `sending`: it is the caller's to hand over, once;
    - `withheld`: consent, suppression or a missing address forbids it (`reason` says which);
    - `accepted`, `rejected`, `withheld`, `unknown`, `in_doubt` from before: untouched, do not send.

    A second call for a row that is still `sending` means that the process that wrote it died: it becomes `in_doubt`.

    Raises:
        StaleFence: the row was written with a newer fence than the caller's.
    """
    fresh = _row(spec, fence=fence, now=now)
    if _is_first(fresh):
        return fresh
    message = Message.objects.select_for_update().get(key=spec.key)
    message.vendor = spec.vendor
    if message.fence > fence:
        raise StaleFence
    if message.status == Status.SENDING:
        message.status = Status.IN_DOUBT
        message.in_doubt_since = now
        message.reason = "The process that was sending it stopped before the answer came."
        message.save(update_fields=["status", "in_doubt_since", "reason"])
    elif message.status == Status.RETRY:
        _take_over(message, spec=spec, fence=fence, now=now)
    return message


def _is_first(fresh: Message) -> bool:
    """Write the row unless there is one with its key, whose writer is waited for; tell whether it was written."""
    Message.objects.bulk_create([fresh], ignore_conflicts=True)
    own = Message.objects.filter(key=fresh.key, public_id=fresh.public_id)
    fresh.pk = own.values_list("id", flat=True).first()
    fresh._state.adding = fresh.pk is None  # noqa: SLF001 as after a save
    return fresh.pk is not None


def _row(spec: MessageSpec, *, fence: int, now: datetime) -> Message:
    """Make the row of a new message: to be sent, or withheld."""
    public_id = new_public_id("msg")
    message = Message(
        public_id=public_id, vendor=spec.vendor, client=spec.client, key=spec.key, created_at=now
    )
    _fill(message, spec=spec, fence=fence, now=now)
    return message


def _take_over(message: Message, *, spec: MessageSpec, fence: int, now: datetime) -> None:
    """Begin another attempt with the person's address and the text as they are now."""
    message.attempt += 1
    message.in_doubt_since = None
    message.settled_by = ""
    message.error_class = message.error_code = message.provider_id = ""
    _fill(message, spec=spec, fence=fence, now=now)
    message.save()


def _fill(message: Message, *, spec: MessageSpec, fence: int, now: datetime) -> None:
    """Write what is to be sent and decide whether it may be."""
    recipient = spec.recipient
    address = recipient.email if spec.channel == "email" else recipient.phone
    message.instance_ref = spec.instance_ref
    message.node_id = spec.node_id
    message.channel = spec.channel
    message.provider = provider_for(spec.channel).name
    message.purpose = spec.purpose
    message.recipient_role = recipient.role
    message.recipient_name = recipient.name
    message.address = address
    message.address_index = index_of(address)
    message.subject = spec.subject
    link = unsubscribe_url(message.public_id)
    message.body_text = with_unsubscribe_link(spec.text, link)
    message.body_html = with_unsubscribe_link(spec.html, link)
    message.attachments = [dict(one) for one in spec.attachments] or None
    message.fence = fence
    message.reason = spec.sent_before or withheld_because(spec, address_index=message.address_index)
    if message.reason:
        message.status = Status.WITHHELD
        message.error_code = SENT_BEFORE if spec.sent_before else ""
        message.settled_at = now
    else:
        message.status = Status.SENDING
        message.sending_at = now
        message.settled_at = None


def withheld_because(spec: MessageSpec, *, address_index: str) -> str:
    """Say in a sentence why the message must not go out; "" when it may. Reads the database."""
    recipient = spec.recipient
    by_email = spec.channel == "email"
    kind = "email address" if by_email else "phone number"
    if not (recipient.email_allowed if by_email else recipient.sms_allowed):
        return f"Not sent: this person does not want to get {'email' if by_email else 'texts'}."
    if not address_index:
        return f"Not sent: no {kind} is known for {recipient.role.replace('_', ' ')}."
    because = suppressed_because(vendor=spec.vendor, channel=spec.channel, address_index=address_index)
    return f"Not sent: the {kind} must not be written to ({because.replace('_', ' ')})." if because else ""


def hand_over(message: Message) -> SendResult:
    """Call the provider with a message that `prepare` gave as `sending`, and return its verdict.

    Must run outside any transaction (raises RuntimeError inside one). Changes nothing in the ledger; give the result
    to `record`. A caller that was stopped for so long that the message is no longer its own gets a verdict that
    nothing was sent.
    """
    # Raises inside another transaction, and asks PostgreSQL for nothing.
    with transaction.atomic(durable=True):
        pass
    if not Message.objects.filter(pk=message.pk, status=Status.SENDING, fence=message.fence).exists():
        return SendResult(
            Verdict.RETRY,
            error_class=ErrorClass.TRANSIENT,
            code="superseded",
            reason="Somebody newer owns this message.",
            says=Sign.NOTHING,
        )
    return adapter_named(message.provider).send(outbound(message))


@transaction.atomic(savepoint=False)
def record(*, message_id: int, fence: int, result: SendResult, now: datetime) -> Message:
    """Write down what the provider answered, and return the row as it is now.

    Runs inside the transaction that moves the caller's step. Only the attempt that called the provider is heard
    (same fence, still `sending`, or `in_doubt` because its lease ended before its answer came). A row that a report
    of the provider settled meanwhile stays settled; a second call changes nothing.
    """
    message = Message.objects.select_for_update().get(pk=message_id)
    heard = {Status.SENDING, Status.IN_DOUBT}
    if result.verdict in {Verdict.ACCEPTED, Verdict.REJECTED}:
        # Better late than never: this answers the question that was given up.
        heard.add(Status.UNKNOWN)
    if message.fence != fence or message.status not in heard:
        return _spared(message, result, fence=fence, now=now)
    if result.verdict == Verdict.IN_DOUBT:
        if message.status == Status.SENDING:
            message.in_doubt_since = now
        message.status = Status.IN_DOUBT
    else:
        message.status = _STATUS_AFTER[result.verdict]
        message.settled_by = "response"
        message.settled_at = None if message.status == Status.RETRY else now
    message.provider_id = result.provider_id or message.provider_id
    message.error_class = result.error_class or ""
    message.error_code = result.code
    message.reason = result.reason[:REASON_LENGTH]
    # Not the texts: they would be encrypted and written anew.
    message.save(
        update_fields=[
            "status", "in_doubt_since", "settled_by", "settled_at", "provider_id", "error_class", "error_code",
            "reason",
        ]
    )  # fmt: skip
    if result.suppress:
        suppress(
            vendor_id=message.vendor_id,
            channel=message.channel,
            address=message.address,
            reason=result.suppress,
            now=now,
        )
    return message


def _spared(message: Message, result: SendResult, *, fence: int, now: datetime) -> Message:
    """Write down that the provider did not take a message whose step was left while it was called."""
    given_up = message.status == Status.UNKNOWN and message.settled_by == "person"
    if message.fence == fence and given_up and result.verdict == Verdict.RETRY:
        reason = "Not sent: its step was left before it could be tried again."
        _settle(message, Status.WITHHELD, by="response", reason=reason, now=now)
    return message


_STATUS_AFTER = {
    Verdict.ACCEPTED: Status.ACCEPTED,
    Verdict.REJECTED: Status.REJECTED,
    Verdict.RETRY: Status.RETRY,
}


def settle_in_doubt(*, message: Message, now: datetime) -> Message:
    """Ask the provider what became of a message in doubt, and return the row as it is now.

    Must run outside any transaction. Found settles it at once. Not found counts only IN_DOUBT_GRACE_SECONDS after
    the doubt began, and makes it `retry`. A provider that can not be asked leaves it `in_doubt`. Safe to repeat.
    """
    with transaction.atomic(durable=True):
        message.refresh_from_db()
    if message.status != Status.IN_DOUBT:
        return message
    adapter = adapter_named(message.provider)
    since = (message.sending_at or message.created_at) - timedelta(minutes=5)
    answer = adapter.look_up(outbound(message), since=since)
    with transaction.atomic():
        message = Message.objects.select_for_update().get(pk=message.pk)
        if message.status != Status.IN_DOUBT:
            return message
        theirs = _not_of_others(message, answer.provider_ids)
        if theirs:
            message.provider_id = theirs[0]
            _settle(message, Status.ACCEPTED, by="lookup", reason="The provider has it.", now=now)
        elif answer.state in {LookUpState.ABSENT, LookUpState.FOUND} and _past(
            message, seconds=settings.IN_DOUBT_GRACE_SECONDS, now=now
        ):
            _settle(message, Status.RETRY, by="lookup", reason="The provider does not have it.", now=now)
        return message


def _not_of_others(message: Message, provider_ids: tuple[str, ...]) -> list[str]:
    """Leave out what the provider gave to other rows: the same words may have gone to the same number before."""
    others = set(
        Message.objects.filter(provider=message.provider, provider_id__in=provider_ids)
        .exclude(pk=message.pk)
        .values_list("provider_id", flat=True)
    )
    return [provider_id for provider_id in provider_ids if provider_id not in others]


def doubt_expired(*, message: Message, now: datetime) -> bool:
    """Tell whether a message has been in doubt for so long (IN_DOUBT_LIMIT_SECONDS) that its policy decides."""
    return message.status == Status.IN_DOUBT and _past(
        message, seconds=settings.IN_DOUBT_LIMIT_SECONDS, now=now
    )


def settle_by_policy(*, message_id: int, policy: DoubtPolicy, now: datetime) -> Message:
    """Let the step's rule settle a message in doubt: `ticket` → unknown, `resend` → retry, `assume_sent` → accepted.

    Runs inside the caller's transaction. A row that is no longer in doubt is returned untouched.
    """
    status, reason = {
        "ticket": (Status.UNKNOWN, "It could not be found out whether the provider took it."),
        "resend": (
            Status.RETRY,
            "It could not be found out whether it was sent; the step says to send it again.",
        ),
        "assume_sent": (
            Status.ACCEPTED,
            "It could not be found out whether it was sent; the step says to assume so.",
        ),
    }[policy]
    with transaction.atomic():
        message = Message.objects.select_for_update().get(pk=message_id)
        if message.status == Status.IN_DOUBT:
            _settle(message, status, by="policy", reason=reason, now=now)
        return message


def settle_by_person(*, message_id: int, sent: bool, now: datetime) -> Message:
    """Write down what a person decided about a message that is unknown, in doubt, refused or withheld.

    `sent=True`: it was sent, which only an unknown message or one in doubt can become. `sent=False`: it was not, and
    the step's next attempt sends it (consent and suppression are checked again). Runs inside the caller's
    transaction. A message that is accepted or under way is returned untouched.
    """
    with transaction.atomic():
        message = Message.objects.select_for_update().get(pk=message_id)
        open_question = message.status in {Status.UNKNOWN, Status.IN_DOUBT}
        if sent and open_question:
            _settle(message, Status.ACCEPTED, by="person", reason="A person knows that it was sent.", now=now)
        elif not sent and (open_question or message.status in {Status.REJECTED, Status.WITHHELD}):
            _settle(message, Status.RETRY, by="person", reason="A person decided to send it again.", now=now)
        return message


def give_up(*, place: str, now: datetime) -> None:
    """End what is still open of the messages whose keys begin with `place`, for their step will not come back.

    What waits to be tried again is withheld. What is at the provider or in doubt becomes unknown; a late answer or a
    report still settles it. Runs inside the caller's transaction; a second call changes nothing.
    """
    open_ones = Message.objects.select_for_update().filter(
        key__startswith=place, status__in=[Status.SENDING, Status.IN_DOUBT, Status.RETRY]
    )
    for message in open_ones.order_by("id"):
        if message.status == Status.RETRY:
            reason = "Not sent: its step was left before it could be tried again."
            _settle(message, Status.WITHHELD, by="person", reason=reason, now=now)
        else:
            reason = "Its step was left before it was known whether the provider took it."
            _settle(message, Status.UNKNOWN, by="person", reason=reason, now=now)


def outbound(message: Message) -> OutboundMessage:
    """Turn a row of the ledger into what adapters speak."""
    by_email = message.channel == "email"
    return OutboundMessage(
        key=message.key,
        message_id=message.public_id,
        vendor_id=message.vendor_id,
        channel=message.channel,
        sender=settings.EMAIL_FROM if by_email else settings.TWILIO_FROM,
        sender_name=message.vendor.name if by_email else "",
        reply_to=message.vendor.email if by_email else "",
        address=message.address,
        recipient_name=message.recipient_name,
        subject=message.subject,
        text=message.body_text,
        html=message.body_html,
        callback_url=callback_url(message.provider, message.public_id),
        unsubscribe_url=unsubscribe_url(message.public_id)
        if by_email and message.purpose == "marketing"
        else None,
        handed_over_at=message.sending_at or message.created_at,
        attachments=built(message.attachments or ()) if by_email else (),
    )


def _past(message: Message, *, seconds: int, now: datetime) -> bool:
    return message.in_doubt_since is not None and now >= message.in_doubt_since + timedelta(seconds=seconds)


def _settle(message: Message, status: Message.Status, *, by: str, reason: str, now: datetime) -> None:
    message.status = status
    message.settled_by = by
    message.reason = reason
    message.settled_at = None if status == Status.RETRY else now
    message.save(update_fields=["status", "settled_by", "reason", "settled_at", "provider_id"])
