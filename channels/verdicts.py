"""Turn what a provider answered into a verdict: its table of codes first, then its words, then "unknown"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from channels.contract import SendResult, Sign, Verdict
from channels.transport import NoAnswer, NotSent
from journeys.language.errors import ErrorClass

#: Longest wait that a provider is believed, so that a wrong header does not park a message for a year.
LONGEST_RETRY_AFTER = timedelta(hours=6)
_MOST_DIGITS = 9
_LONGEST_DATE = 60
#: So much of a provider's words is looked at, in characters.
_MOST_WORDS = 2000


@dataclass(frozen=True, slots=True)
class CodeMeaning:
    """What one code of a provider means for the message, and for the account it went through."""

    error_class: ErrorClass
    #: For people, without personal data.
    reason: str
    #: Why the address must not be written to again; "" leaves it as it is.
    suppress: str = ""
    #: How long it surely lasts; what the provider asks for counts where it is longer.
    delay: timedelta = timedelta()
    #: What it says about the account; None leaves that to the class.
    says: Sign | None = None

    def result(self, code: str, *, retry_after: timedelta | None = None) -> SendResult:
        """Give the verdict: what is transient or the account's fault waits, everything else is refused for good."""
        waits = self.error_class in {ErrorClass.TRANSIENT, ErrorClass.ACCOUNT}
        asked = max(self.delay, retry_after or timedelta())
        return SendResult(
            Verdict.RETRY if waits else Verdict.REJECTED,
            error_class=self.error_class,
            code=code,
            reason=self.reason,
            retry_after=asked or retry_after,
            suppress=self.suppress,
            says=self.says,
        )


#: Words of a provider whose code is in no table, in the order in which they are looked for. Whoever adds one: the
#: receiver's own troubles stand first, for "this mailbox is suspended" says nothing about our account. An address is
#: never suppressed because of words alone.
PATTERNS: tuple[tuple[re.Pattern[str], ErrorClass, str], ...] = (
    (
        re.compile(
            r"\b(from|sender)\b.{0,60}\b(invalid|not valid|not a valid|not verified|unverified|not owned|does not match)"
            r"|\b(invalid|unverified)\b.{0,20}\b(from|sender)\b",
            re.IGNORECASE,
        ),
        ErrorClass.ACCOUNT,
        "{provider} does not accept the sender. Check the account.",
    ),
    (
        re.compile(
            r"(invalid|unknown|no such|not a valid|unreachable|undeliverable|malformed)\b.{0,40}"
            r"\b(address|recipient|receiver|mailbox|user|phone|number)"
            r"|\b(address|recipient|receiver|mailbox|user|phone|number)\b.{0,40}"
            r"\b(invalid|unknown|not valid|does not exist|not found|unreachable|disabled|suspended|is full)",
            re.IGNORECASE,
        ),
        ErrorClass.USER,
        "{provider} says that the receiver's address can not be reached.",
    ),
    (
        re.compile(
            r"suspend|unauthori[sz]ed|unauthenticated|forbidden|authenticat|permission denied|access denied"
            r"|(invalid|expired|revoked|wrong)\b.{0,20}\b(key|token|credential|password)"
            r"|\b(billing|payment|credits?|balance|subscription)\b",
            re.IGNORECASE,
        ),
        ErrorClass.ACCOUNT,
        "{provider} does not let this account send. Check the account.",
    ),
    (
        re.compile(
            r"\brate\b|throttl|too many|quota|slow down|try again|temporar|overload|\bbusy\b|maintenance",
            re.IGNORECASE,
        ),
        ErrorClass.TRANSIENT,
        "{provider} asks us to come back later.",
    ),
    (
        re.compile(
            r"too (large|long|big)|exceeds|malformed|invalid (json|body|content|header)", re.IGNORECASE
        ),
        ErrorClass.PERMANENT,
        "{provider} does not take a message like this one.",
    ),
)


def by_words(provider: str, text: str) -> CodeMeaning:
    """Guess what an unknown code means from the words beside it; without a known word it is tried again.

    The words themselves go no further: they may hold an address.
    """
    for pattern, error_class, reason in PATTERNS:
        if pattern.search(text[:_MOST_WORDS]):
            return CodeMeaning(error_class, reason.format(provider=provider))
    return CodeMeaning(ErrorClass.TRANSIENT, f"{provider} gave an answer that is not known.")


def not_sent(provider: str, error: NotSent) -> SendResult:
    """Judge a provider that could not be reached."""
    return SendResult(
        Verdict.RETRY,
        error_class=ErrorClass.TRANSIENT,
        code="connect_failed",
        reason=f"{provider} could not be reached ({error}). Nothing was sent.",
    )


def no_answer(provider: str, error: NoAnswer) -> SendResult:
    """Judge a connection that broke after the message went out."""
    return SendResult(
        Verdict.IN_DOUBT,
        code="no_answer",
        reason=f"{provider} was told, and its answer did not arrive ({error}).",
    )


def unclear(provider: str, status: int, *, wait: timedelta | None = None) -> SendResult:
    """Judge an answer that leaves open whether the message was taken (5xx, or a success that can not be read)."""
    return SendResult(
        Verdict.IN_DOUBT,
        code=f"http_{status}",
        reason=f"{provider} answered {status}, which leaves open whether it took the message.",
        retry_after=wait,
    )


def is_unclear(status: int) -> bool:
    """Tell whether a status leaves open what was done with a request that is not idempotent."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status < HTTPStatus.OK


def retry_after(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Read `Retry-After`, in seconds or as a date (names in lower case); None when there is none that can be read."""
    value = headers.get("retry-after", "").strip()[:_LONGEST_DATE]
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:_MOST_DIGITS])), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, LookupError, OverflowError):
        return None
    if moment.tzinfo is None:
        return None
    return min(max(moment - now, timedelta()), LONGEST_RETRY_AFTER)
