"""Twilio's Messages API: texts out, delivery states and STOP back."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from django.conf import settings as django_settings
from twilio.base.exceptions import TwilioException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from channels.contract import (
    Adapter,
    CallbackRefused,
    DeliveryReport,
    LookUp,
    LookUpState,
    OutboundMessage,
    ReportKind,
    SendResult,
    Sign,
    Verdict,
)
from channels.links import LinkInvalid, message_of_callback
from channels.transport import Answer, NoAnswer, NotSent, exchange
from channels.verdicts import CodeMeaning, by_words, is_unclear, no_answer, not_sent, retry_after, unclear
from journeys.language.errors import ErrorClass

SIGNATURE_HEADER = "x-twilio-signature"
TWILIO_HOST = "https://api.twilio.com"
#: Messages that are read when one in doubt is looked for.
LOOK_UP_LIMIT = 200

_CHECK_ACCOUNT = "Check the Twilio account."
_SLOWER = "Twilio asks us to go slower."
_SUSPENDED = CodeMeaning(ErrorClass.ACCOUNT, f"The Twilio account is suspended. {_CHECK_ACCOUNT}")
_CARRIER_LIMIT = timedelta(minutes=1)
_FULL = timedelta(minutes=10)
_MAINTAINED = timedelta(minutes=5)
_DAY_IS_FULL = timedelta(hours=1)
_ANOTHER_HANDSET_TRY = timedelta(minutes=30)
#: Twilio's error code → meaning (https://www.twilio.com/docs/api/errors, docs/errors.md). Not listed and below 500: by
#: the status, then by Twilio's words.
MEANINGS: Mapping[int, CodeMeaning] = {
    20003: CodeMeaning(ErrorClass.ACCOUNT, f"Twilio does not accept the account's token. {_CHECK_ACCOUNT}"),
    20005: _SUSPENDED,
    20404: CodeMeaning(ErrorClass.ACCOUNT, f"Twilio does not know this account. {_CHECK_ACCOUNT}"),
    20429: CodeMeaning(ErrorClass.TRANSIENT, _SLOWER),
    21211: CodeMeaning(ErrorClass.USER, "The receiver's phone number is not valid.", "invalid"),
    21212: CodeMeaning(ErrorClass.ACCOUNT, "TWILIO_FROM is not a number that may send texts."),
    21408: CodeMeaning(
        ErrorClass.PERMANENT,
        f"Texts to this country are not switched on. {_CHECK_ACCOUNT}",
        says=Sign.MISFIT,
    ),
    21602: CodeMeaning(ErrorClass.PERMANENT, "The text is empty."),
    21606: CodeMeaning(ErrorClass.ACCOUNT, "TWILIO_FROM is not a number that may send texts."),
    21608: CodeMeaning(
        ErrorClass.PERMANENT,
        f"A trial account only reaches verified numbers. {_CHECK_ACCOUNT}",
        says=Sign.MISFIT,
    ),
    21610: CodeMeaning(ErrorClass.USER, "The receiver answered STOP to an earlier text.", "stop"),
    21611: CodeMeaning(ErrorClass.TRANSIENT, "Twilio's queue for the sending number is full.", delay=_FULL),
    21612: CodeMeaning(
        ErrorClass.USER, "No text can be sent from this number to the receiver's.", says=Sign.MISFIT
    ),
    21614: CodeMeaning(ErrorClass.USER, "The receiver's number is not a mobile number.", "invalid"),
    21617: CodeMeaning(
        ErrorClass.PERMANENT, "The text is longer than the 1,600 characters that Twilio takes."
    ),
    21635: CodeMeaning(ErrorClass.USER, "The receiver's number is a landline.", "invalid"),
    21730: CodeMeaning(ErrorClass.TRANSIENT, "Twilio is being maintained.", delay=_MAINTAINED),
    30001: CodeMeaning(ErrorClass.TRANSIENT, "Twilio's queue is full.", delay=_CARRIER_LIMIT),
    30002: _SUSPENDED,
    30003: CodeMeaning(
        ErrorClass.TRANSIENT,
        "The receiver's phone can not be reached.",
        delay=_ANOTHER_HANDSET_TRY,
        says=Sign.WELL,
    ),
    30004: CodeMeaning(ErrorClass.USER, "The receiver's phone or carrier blocks our texts."),
    30005: CodeMeaning(ErrorClass.USER, "The receiver's number is not in use.", "invalid"),
    30006: CodeMeaning(ErrorClass.USER, "The receiver's number is a landline or takes no texts.", "invalid"),
    30007: CodeMeaning(
        ErrorClass.PERMANENT, "The carrier took the text for spam. Change its words.", says=Sign.MISFIT
    ),
    30008: CodeMeaning(
        ErrorClass.TRANSIENT,
        "The carrier did not say why it refused the text.",
        delay=_ANOTHER_HANDSET_TRY,
        says=Sign.WELL,
    ),
    30022: CodeMeaning(
        ErrorClass.TRANSIENT, "The carriers' limit for this sender is reached.", delay=_CARRIER_LIMIT
    ),
    30034: CodeMeaning(
        ErrorClass.PERMANENT,
        f"The sender is not registered with the carriers. {_CHECK_ACCOUNT}",
        says=Sign.MISFIT,
    ),
    63017: CodeMeaning(ErrorClass.TRANSIENT, _SLOWER, delay=_CARRIER_LIMIT),
    63038: CodeMeaning(
        ErrorClass.ACCOUNT,
        "The account's limit of texts for a day is reached. What waits goes out when it ends.",
        delay=_DAY_IS_FULL,
    ),
}
#: HTTP status → meaning, where Twilio gives no code of its own.
STATUS_MEANINGS: Mapping[int, CodeMeaning] = {
    401: MEANINGS[20003],
    403: MEANINGS[20003],
    404: MEANINGS[20404],
    429: MEANINGS[20429],
}

#: MessageStatus → our word. Not listed: kept, and changes nothing.
STATES: Mapping[str, ReportKind] = {
    "accepted": ReportKind.QUEUED,
    "scheduled": ReportKind.QUEUED,
    "queued": ReportKind.QUEUED,
    "sending": ReportKind.QUEUED,
    "sent": ReportKind.QUEUED,
    "delivered": ReportKind.DELIVERED,
    "read": ReportKind.OPENED,
    "undelivered": ReportKind.BOUNCED,
    "failed": ReportKind.BOUNCED,
    "canceled": ReportKind.DROPPED,
}
#: ErrorCode of a delivery state → why the number must not be written to again.
SUPPRESSING: Mapping[str, str] = {
    "21610": "stop",
    "21614": "invalid",
    "30005": "invalid",
    "30006": "invalid",
}
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})


class _Transport(HttpClient):  # type: ignore[misc, unused-ignore]
    """Twilio's client over our transport and our base address; remembers the last answer's headers."""

    def __init__(self, *, base: str, timeout: float) -> None:
        super().__init__(logger=None, is_async=False, timeout=timeout)  # type: ignore[arg-type, unused-ignore]
        self.base = base
        self.seconds = timeout
        self.answer: Answer | None = None

    def request(  # noqa: PLR0917 the library's signature
        self,
        method: str,
        url: str,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        auth: Any = None,
        timeout: float | None = None,
        allow_redirects: bool = False,  # noqa: ARG002, FBT001, FBT002 the library's signature
    ) -> Response:
        """Send the request to our base address; raises NotSent or NoAnswer."""
        self.answer = None
        target = self.base + url.removeprefix(TWILIO_HOST)
        if params:
            target += "?" + urlencode(params, doseq=True)
        sent = dict(headers or {})
        if auth:
            sent["Authorization"] = _basic(*auth)
        self.answer = exchange(
            method=method,
            url=target,
            headers=sent,
            body=urlencode(data, doseq=True).encode() if data else None,
            timeout=timeout or self.seconds,
        )
        return Response(
            self.answer.status, self.answer.body.decode("utf-8", "replace"), dict(self.answer.headers)
        )


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _transport() -> _Transport:
    return _Transport(base=django_settings.TWILIO_API_BASE, timeout=django_settings.PROVIDER_TIMEOUT_SECONDS)


def _client(transport: _Transport) -> Client:
    """Make a client; without a token it raises TwilioException."""
    return Client(
        django_settings.TWILIO_ACCOUNT_SID,
        django_settings.TWILIO_AUTH_TOKEN,
        http_client=transport,
        # The library must not read keys of its own from the process.
        environment={"TWILIO_ACCOUNT_SID": ""},
    )


class Twilio(Adapter):
    """Texts through Twilio."""

    name: ClassVar[str] = "twilio"
    channels: ClassVar[tuple[str, ...]] = ("sms",)
    preference: ClassVar[int] = 20
    can_look_up: ClassVar[bool] = True
    title: ClassVar[str] = "Twilio"

    def is_configured(self, settings: Any) -> bool:
        """Tell whether there is an account."""
        return bool(settings.TWILIO_ACCOUNT_SID)

    def send(self, message: OutboundMessage) -> SendResult:
        """POST Messages.json, with a call-back address that names this one message."""
        transport = _transport()
        try:
            created = _client(transport).messages.create(
                to=message.address,
                body=message.text,
                status_callback=message.callback_url,
                **_from(message.sender),
            )
        except NotSent as error:
            return not_sent("Twilio", error)
        except NoAnswer as error:
            return no_answer("Twilio", error)
        except (TwilioException, ValueError, TypeError, AttributeError):
            return _refused(transport.answer, now=message.handed_over_at)
        if not created.sid:
            return _refused(transport.answer, now=message.handed_over_at)
        return SendResult(Verdict.ACCEPTED, provider_id=created.sid)

    def look_up(self, message: OutboundMessage, *, since: datetime) -> LookUp:
        """List what was sent to this number since then, and compare the text: Twilio carries no id of ours."""
        sender = _from(message.sender)
        try:
            found = _client(_transport()).messages.list(
                to=message.address,
                date_sent_after=since.replace(hour=0, minute=0, second=0, microsecond=0),
                limit=LOOK_UP_LIMIT,
                page_size=LOOK_UP_LIMIT,
                **({"from_": sender["from_"]} if "from_" in sender else {}),
            )
        except (NotSent, NoAnswer, TwilioException, ValueError, TypeError, KeyError):
            return LookUp(LookUpState.UNREACHABLE)
        fitting = tuple(
            row.sid
            for row in found
            if row.sid
            and (row.date_created is None or row.date_created.astimezone(UTC) >= since)
            and (row.body or "").strip() == message.text.strip()
        )
        if fitting:
            return LookUp(LookUpState.FOUND, fitting)
        if len(found) >= LOOK_UP_LIMIT:
            return LookUp(LookUpState.UNREACHABLE)
        return LookUp(LookUpState.ABSENT)

    def parse_callback(
        self, *, headers: Mapping[str, str], body: bytes, url: str, now: datetime
    ) -> list[DeliveryReport]:
        """Check X-Twilio-Signature over the public address and the form, then read state or answer."""
        lower = {name.lower(): value for name, value in headers.items()}
        try:
            form = {
                name: values[-1]
                for name, values in parse_qs(
                    body.decode(), keep_blank_values=True, max_num_fields=200
                ).items()
            }
        except ValueError as error:
            raise CallbackRefused("The body is not a form.") from error
        _check_signature(lower.get(SIGNATURE_HEADER, ""), url, form)
        token = urlsplit(url).path.rpartition("/hooks/twilio")[2].strip("/")
        return [_answer(form, now)] if not token else [_state(form, token, now)]


def _from(sender: str) -> dict[str, str]:
    """Say who sends: a messaging service by its id, or a number."""
    return {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}


def _refused(answer: Answer | None, *, now: datetime) -> SendResult:
    """Judge an answer that the library did not take for a created message."""
    if answer is None:
        # The library stopped before it called out: its arguments were wrong.
        return CodeMeaning(ErrorClass.ACCOUNT, f"Twilio could not be called. {_CHECK_ACCOUNT}").result(
            "twilio_bad_request"
        )
    wait = retry_after(answer.headers, now=now)
    if is_unclear(answer.status) or answer.status < HTTPStatus.BAD_REQUEST:
        return unclear("Twilio", answer.status, wait=wait)
    code, said = _words(answer.body)
    meaning = MEANINGS.get(code) or STATUS_MEANINGS.get(answer.status) or by_words("Twilio", said)
    return meaning.result(f"twilio_{code or answer.status}", retry_after=wait)


def _words(body: bytes) -> tuple[int, str]:
    """Read Twilio's own code (0 for none) and what it says beside it."""
    try:
        error = json.loads(body)
        said = str(error.get("message", ""))
    except (ValueError, AttributeError, RecursionError):
        return 0, ""
    code = error.get("code")
    return (code if isinstance(code, int) else 0), said


def _check_signature(signature: str, url: str, form: Mapping[str, str]) -> None:
    token = django_settings.TWILIO_AUTH_TOKEN
    if not token:
        raise CallbackRefused("TWILIO_AUTH_TOKEN is not set, so no call-back can be checked.")
    if not RequestValidator(token).validate(url, dict(form), signature):
        raise CallbackRefused("The signature does not fit the request.")


def _state(form: Mapping[str, str], token: str, now: datetime) -> DeliveryReport:
    """Read a delivery state; the token in the address says of which message."""
    try:
        message_id = message_of_callback(token)
    except LinkInvalid as error:
        raise CallbackRefused("The address does not name a message of ours.") from error
    state = form.get("MessageStatus") or form.get("SmsStatus", "")
    sid = form.get("MessageSid") or form.get("SmsSid", "")
    if not sid or not state:
        raise CallbackRefused("The form names no message or no state.")
    return DeliveryReport(
        provider=Twilio.name,
        event_key=f"{sid}:{state}"[:240],
        message_id=message_id,
        kind=STATES.get(state, ReportKind.OTHER),
        occurred_at=now,
        provider_id=sid[:200],
        suppress=SUPPRESSING.get(form.get("ErrorCode", ""), ""),
        raw=form,
    )


def _answer(form: Mapping[str, str], now: datetime) -> DeliveryReport:
    """Read a text that a person sent to us: STOP, START, or an answer."""
    sid = form.get("MessageSid") or form.get("SmsSid", "")
    number = form.get("From", "")
    if not sid or not number:
        raise CallbackRefused("The form names no message or no sender.")
    word = (form.get("OptOutType") or form.get("Body", "")).strip().strip(".!").upper()
    kind = ReportKind.ANSWERED
    if word in STOP_WORDS:
        kind = ReportKind.UNSUBSCRIBED
    elif word in START_WORDS:
        kind = ReportKind.RESUBSCRIBED
    return DeliveryReport(
        provider=Twilio.name,
        event_key=f"{sid}:received"[:240],
        message_id=None,
        kind=kind,
        occurred_at=now,
        provider_id=sid[:200],
        suppress="stop" if kind == ReportKind.UNSUBSCRIBED else "",
        channel="sms",
        address=number,
        raw=form,
    )
