"""SendGrid v3: email out through mail/send, events back through its signed webhook."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar

import python_http_client
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.conf import settings as django_settings
from sendgrid import SendGridAPIClient

from channels.contract import (
    Adapter,
    Attachment,
    CallbackRefused,
    DeliveryReport,
    LookUp,
    LookUpState,
    OutboundMessage,
    ReportKind,
    SendResult,
    Verdict,
)
from channels.transport import Answer, NoAnswer, NotSent, exchange
from channels.verdicts import CodeMeaning, by_words, is_unclear, no_answer, not_sent, retry_after, unclear
from journeys.language.errors import ErrorClass

SIGNATURE_HEADER = "x-twilio-email-event-webhook-signature"
#: A time stamp beyond this is a mistake.
_YEAR_2100 = 4_102_444_800
TIMESTAMP_HEADER = "x-twilio-email-event-webhook-timestamp"

_CHECK_ACCOUNT = "Check the key and the verified sender in the SendGrid account."
_WRONG_BASE = CodeMeaning(
    ErrorClass.ACCOUNT, "SendGrid does not know this address of its API. Check SENDGRID_API_BASE."
)
#: HTTP status → meaning (docs of mail/send, docs/errors.md). Not listed and below 500: by SendGrid's words.
MEANINGS: Mapping[int, CodeMeaning] = {
    400: CodeMeaning(ErrorClass.PERMANENT, "SendGrid found a mistake in the message."),
    401: CodeMeaning(ErrorClass.ACCOUNT, f"SendGrid does not accept the key. {_CHECK_ACCOUNT}"),
    403: CodeMeaning(ErrorClass.ACCOUNT, f"SendGrid does not allow this sender. {_CHECK_ACCOUNT}"),
    404: _WRONG_BASE,
    405: _WRONG_BASE,
    406: CodeMeaning(ErrorClass.ACCOUNT, "SendGrid does not answer in this form. Check SENDGRID_API_BASE."),
    413: CodeMeaning(ErrorClass.PERMANENT, "The message is larger than the 30 MB that SendGrid takes."),
    415: CodeMeaning(
        ErrorClass.ACCOUNT, "SendGrid does not take messages in this form. Check SENDGRID_API_BASE."
    ),
    429: CodeMeaning(ErrorClass.TRANSIENT, "SendGrid asks us to go slower."),
    451: CodeMeaning(
        ErrorClass.ACCOUNT,
        "SendGrid does not serve this account from this region. Check SENDGRID_API_BASE.",
    ),
}
#: A 400 that blames the receiver's address concerns this one couple only.
_BAD_ADDRESS = CodeMeaning(ErrorClass.USER, "SendGrid says the receiver's address is not valid.", "invalid")

#: Event → our word (docs of the event webhook). Not listed: kept, and changes nothing.
EVENTS: Mapping[str, ReportKind] = {
    "processed": ReportKind.QUEUED,
    "deferred": ReportKind.DEFERRED,
    "delivered": ReportKind.DELIVERED,
    "open": ReportKind.OPENED,
    "click": ReportKind.CLICKED,
    "bounce": ReportKind.BOUNCED,
    "dropped": ReportKind.DROPPED,
    "spamreport": ReportKind.COMPLAINED,
    "unsubscribe": ReportKind.UNSUBSCRIBED,
    "group_unsubscribe": ReportKind.UNSUBSCRIBED,
}
#: Event → why the address must not be written to again.
SUPPRESSING: Mapping[str, str] = {
    "bounce": "bounced",
    "spamreport": "complained",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
}
#: Why SendGrid dropped a message (first words of `reason`) → the same.
DROP_REASONS: Mapping[str, str] = {
    "bounced address": "bounced",
    "invalid": "invalid",
    "spam reporting address": "complained",
    "unsubscribed address": "unsubscribed",
}


@dataclass(frozen=True, slots=True)
class _Response:
    """An answer in the shape that SendGrid's client reads."""

    answer: Answer

    def getcode(self) -> int:
        return self.answer.status

    def read(self) -> bytes:
        return self.answer.body

    def info(self) -> Mapping[str, str]:
        return self.answer.headers


class _Client(python_http_client.Client):  # type: ignore[misc]
    """SendGrid's client over our transport: no error hides whether a byte went out."""

    def _build_client(self, name: str | None = None) -> _Client:
        path = [*self._url_path, name] if name else self._url_path
        return _Client(
            host=self.host,
            version=self._version,
            request_headers=self.request_headers,
            url_path=path,
            timeout=self.timeout,
        )

    def _make_request(self, opener: Any, request: Any, timeout: float | None = None) -> _Response:  # noqa: ARG002 the library's signature
        answer = exchange(
            method=request.get_method(),
            url=request.full_url,
            headers=dict(request.header_items()),
            body=request.data,
            timeout=timeout or self.timeout,
        )
        return _Response(answer)


def _client() -> Any:
    api = SendGridAPIClient(django_settings.SENDGRID_API_KEY, host=django_settings.SENDGRID_API_BASE)
    return _Client(
        host=api.host,
        request_headers=api._default_headers,  # noqa: SLF001 the library offers no other way to it
        version=3,
        timeout=django_settings.PROVIDER_TIMEOUT_SECONDS,
    )


class SendGrid(Adapter):
    """Email through SendGrid."""

    name: ClassVar[str] = "sendgrid"
    channels: ClassVar[tuple[str, ...]] = ("email",)
    preference: ClassVar[int] = 20
    can_look_up: ClassVar[bool] = True
    title: ClassVar[str] = "SendGrid"

    def is_configured(self, settings: Any) -> bool:
        """Tell whether there is a key."""
        return bool(settings.SENDGRID_API_KEY)

    def send(self, message: OutboundMessage) -> SendResult:
        """POST /v3/mail/send; 202 means that SendGrid has it."""
        try:
            response = _client().mail.send.post(request_body=payload(message))
        except NotSent as error:
            return not_sent("SendGrid", error)
        except NoAnswer as error:
            return no_answer("SendGrid", error)
        status = response.status_code
        if status in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
            return SendResult(Verdict.ACCEPTED, provider_id=response.headers.get("x-message-id", ""))
        wait = _wait(response.headers, message.handed_over_at)
        if is_unclear(status) or status < HTTPStatus.BAD_REQUEST:
            return unclear("SendGrid", status, wait=wait)
        fields, said = _mistakes(response.body)
        meaning = MEANINGS.get(status) or by_words("SendGrid", said)
        if status == HTTPStatus.BAD_REQUEST and _blames_receiver(fields):
            meaning = _BAD_ADDRESS
        return meaning.result(f"sendgrid_{status}", retry_after=wait)

    def look_up(self, message: OutboundMessage, *, since: datetime) -> LookUp:  # noqa: ARG002 ids are exact
        """GET /v3/messages by our id; an account without the Email Activity add-on can not be asked."""
        query = f"(unique_args['message_id']=\"{message.message_id}\")"
        try:
            response = _client().messages.get(query_params={"query": query, "limit": 1})
        except (NotSent, NoAnswer):
            return LookUp(LookUpState.UNREACHABLE)
        if response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            return LookUp(LookUpState.UNSUPPORTED)
        if response.status_code != HTTPStatus.OK:
            return LookUp(LookUpState.UNREACHABLE)
        try:
            found = json.loads(response.body)["messages"]
            return LookUp(LookUpState.FOUND, (found[0]["msg_id"],)) if found else LookUp(LookUpState.ABSENT)
        except (ValueError, LookupError, TypeError):
            return LookUp(LookUpState.UNREACHABLE)

    def parse_callback(
        self,
        *,
        headers: Mapping[str, str],
        body: bytes,
        url: str,  # noqa: ARG002 not part of SendGrid's signature
        now: datetime,
    ) -> list[DeliveryReport]:
        """Check the ECDSA signature over timestamp and raw body, then read the events that are ours."""
        _check_signature({name.lower(): value for name, value in headers.items()}, body)
        try:
            events = json.loads(body)
        except ValueError as error:
            raise CallbackRefused("The body is not JSON.") from error
        if not isinstance(events, list):
            raise CallbackRefused("The body is not a list of events.")
        return [report for event in events if (report := _report(event, now)) is not None]


def payload(message: OutboundMessage) -> dict[str, Any]:
    """Build the body of mail/send; nothing personal goes into custom_args."""
    to = {"email": message.address} | ({"name": message.recipient_name} if message.recipient_name else {})
    sender = {"email": message.sender} | ({"name": message.sender_name} if message.sender_name else {})
    content = [{"type": "text/plain", "value": message.text}]
    if message.html:
        content.append({"type": "text/html", "value": message.html})
    content += [_calendar_part(file) for file in message.attachments if file.calendar_method]
    body: dict[str, Any] = {
        "personalizations": [{"to": [to], "custom_args": {"message_id": message.message_id}}],
        "from": sender,
        "subject": message.subject,
        "content": content,
    }
    if message.attachments:
        body["attachments"] = [_attached(file) for file in message.attachments]
    if message.reply_to:
        body["reply_to"] = {"email": message.reply_to}
    if message.unsubscribe_url:
        body["headers"] = {
            "List-Unsubscribe": f"<{message.unsubscribe_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    return body


def _calendar_part(file: Attachment) -> dict[str, str]:
    """Give an invitation as a part of the letter; SendGrid adds the charset and refuses one of ours."""
    return {"type": f"text/calendar; method={file.calendar_method}", "value": file.content.decode()}


def _attached(file: Attachment) -> dict[str, str]:
    """Give a file beside the letter; SendGrid refuses a type with parameters here."""
    return {
        "content": b64encode(file.content).decode(),
        # A second text/calendar would be taken for a second invitation.
        "type": "application/ics" if file.calendar_method else file.content_type,
        "filename": file.name,
        "disposition": "attachment",
    }


def _mistakes(body: bytes) -> tuple[list[str], str]:
    """Read which fields SendGrid finds fault with, and what it says."""
    try:
        errors = json.loads(body)["errors"]
        return [str(error.get("field")) for error in errors], " ".join(
            str(error.get("message", "")) for error in errors
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return [], ""


def _blames_receiver(fields: list[str]) -> bool:
    """Tell whether every mistake that SendGrid names is in the receiver's address."""
    return bool(fields) and all(field.startswith("personalizations.0.to") for field in fields)


def _wait(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Read how long SendGrid asks us to wait; X-RateLimit-Reset is a Unix time."""
    asked = retry_after(headers, now=now)
    reset = headers.get("x-ratelimit-reset", "")[:12]
    if asked is None and reset.isascii() and reset.isdigit():
        seconds = int(reset) - now.timestamp()
        asked = timedelta(seconds=min(max(seconds, 0), 3600))
    return asked


def _check_signature(headers: Mapping[str, str], body: bytes) -> None:
    if not django_settings.SENDGRID_WEBHOOK_KEY:
        raise CallbackRefused("SENDGRID_WEBHOOK_KEY is not set, so no call-back can be checked.")
    try:
        key = load_der_public_key(b64decode(django_settings.SENDGRID_WEBHOOK_KEY))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CallbackRefused("SENDGRID_WEBHOOK_KEY is not a public key in base64 DER.") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise CallbackRefused("SENDGRID_WEBHOOK_KEY is not an elliptic-curve key.")
    try:
        signature = b64decode(headers.get(SIGNATURE_HEADER, ""), validate=True)
        key.verify(signature, headers.get(TIMESTAMP_HEADER, "").encode() + body, ECDSA(SHA256()))
    except (binascii.Error, InvalidSignature) as error:
        raise CallbackRefused("The signature does not fit the body.") from error


def _report(event: Any, now: datetime) -> DeliveryReport | None:
    """Read one event; None for one that is not about a message of ours."""
    if not isinstance(event, dict) or not isinstance(event.get("message_id"), str):
        return None
    word = str(event.get("event", ""))
    kind = EVENTS.get(word, ReportKind.OTHER)
    suppress = SUPPRESSING.get(word, "")
    if word == "bounce" and event.get("type") == "blocked":
        # The receiving server turned this one away for now; the address itself is good.
        suppress = ""
    if word == "dropped":
        reason = str(event.get("reason", "")).lower()
        suppress = next((why for start, why in DROP_REASONS.items() if reason.startswith(start)), "")
    stamp = event.get("timestamp")
    occurred_at = now
    if isinstance(stamp, int) and 0 < stamp < _YEAR_2100:
        occurred_at = datetime.fromtimestamp(stamp, UTC)
    provider_id = str(event.get("sg_message_id", ""))
    return DeliveryReport(
        provider=SendGrid.name,
        event_key=str(event.get("sg_event_id") or f"{provider_id}:{word}:{stamp}")[:240],
        message_id=event["message_id"],
        kind=kind,
        occurred_at=occurred_at,
        provider_id=provider_id[:200],
        suppress=suppress,
        raw=event,
    )
