"""Turn what a provider answered into a verdict; each adapter brings its own table of codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from channels.contract import SendResult, Verdict
from channels.transport import NoAnswer, NotSent
from journeys.language.errors import ErrorClass

#: Longest wait that a provider is believed, so that a wrong header does not park a message for a year.
LONGEST_RETRY_AFTER = timedelta(hours=6)
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class CodeMeaning:
    """What one code of a provider means for the message."""

    error_class: ErrorClass
    #: For people, without personal data.
    reason: str
    #: Why the address must not be written to again; "" leaves it as it is.
    suppress: str = ""

    def result(self, code: str, *, retry_after: timedelta | None = None) -> SendResult:
        """Give the verdict: transient is worth another try, everything else is refused for good."""
        transient = self.error_class == ErrorClass.TRANSIENT
        return SendResult(
            Verdict.RETRY if transient else Verdict.REJECTED,
            error_class=self.error_class,
            code=code,
            reason=self.reason,
            retry_after=retry_after,
            suppress=self.suppress,
        )


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


def unclear(provider: str, status: int) -> SendResult:
    """Judge an answer that leaves open whether the message was taken (5xx, or a success that can not be read)."""
    return SendResult(
        Verdict.IN_DOUBT,
        code=f"http_{status}",
        reason=f"{provider} answered {status}, which leaves open whether it took the message.",
    )


def is_unclear(status: int) -> bool:
    """Tell whether a status leaves open what was done with a request that is not idempotent."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status < HTTPStatus.OK


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Read `Retry-After` in seconds (names in lower case); None when there is none that can be read."""
    value = headers.get("retry-after", "").strip()[:_MOST_DIGITS]
    if not (value.isascii() and value.isdigit()):
        return None
    return min(timedelta(seconds=int(value)), LONGEST_RETRY_AFTER)
