"""What is read from a provider's words and headers."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from channels.adapters import sendgrid, smtp, twilio
from channels.contract import Sign, Verdict
from channels.verdicts import PATTERNS, CodeMeaning, by_words, retry_after
from journeys.language.errors import ErrorClass

PAGE = Path(__file__).resolve().parents[3] / "docs" / "errors.md"


@pytest.mark.parametrize(
    ("words", "error_class"),
    [
        ("Your account was suspended", ErrorClass.ACCOUNT),
        ("UNAUTHORIZED", ErrorClass.ACCOUNT),
        ("403 Forbidden", ErrorClass.ACCOUNT),
        ("Invalid API key", ErrorClass.ACCOUNT),
        ("token has expired; expired token", ErrorClass.ACCOUNT),
        ("Insufficient credits", ErrorClass.ACCOUNT),
        ("The from address does not match a verified Sender", ErrorClass.ACCOUNT),
        ("Invalid 'From' number", ErrorClass.ACCOUNT),
        ("invalid email address", ErrorClass.USER),
        ("Invalid recipient", ErrorClass.USER),
        ("recipient's mailbox is disabled", ErrorClass.USER),
        ("No such user here", ErrorClass.USER),
        ("the mailbox is full", ErrorClass.USER),
        ("this mailbox was suspended", ErrorClass.USER),
        ("rate limited", ErrorClass.TRANSIENT),
        ("request was throttled", ErrorClass.TRANSIENT),
        ("Too many requests", ErrorClass.TRANSIENT),
        ("temporarily not available", ErrorClass.TRANSIENT),
        ("message too large", ErrorClass.PERMANENT),
        ("invalid JSON", ErrorClass.PERMANENT),
        ("we operate generators", ErrorClass.TRANSIENT),
        ("", ErrorClass.TRANSIENT),
    ],
)
def test_words_say_what_an_unknown_code_means(words: str, error_class: ErrorClass):
    meaning = by_words("Pigeon", words)

    assert meaning.error_class is error_class
    assert meaning.suppress == ""
    assert meaning.reason.startswith("Pigeon ")


def test_unknown_words_are_tried_again():
    result = by_words("Pigeon", "coo").result("pigeon_1")

    assert (result.verdict, result.reason) == (Verdict.RETRY, "Pigeon gave an answer that is not known.")


def test_words_without_end_are_not_read_to_the_end():
    assert by_words("Pigeon", "x" * 100_000 + " suspended").error_class is ErrorClass.TRANSIENT
    for pattern, _class, _reason in PATTERNS:
        assert pattern.search("from " * 400 + "address " * 400) is None


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("7", timedelta(seconds=7)),
        (" 7 ", timedelta(seconds=7)),
        ("99999999999999", timedelta(hours=6)),
        ("Wed, 14 Apr 2027 09:00:30 GMT", timedelta(seconds=30)),
        ("Wed, 14 Apr 2027 08:00:00 GMT", timedelta()),
        ("Wed, 14 Apr 2032 08:00:00 GMT", timedelta(hours=6)),
        ("Wed, 14 Apr 2027 09:00:30", None),
        ("soon", None),
        ("-7", None),
        ("٧", None),
        ("Wed, 99 Apr 2027 25:61:00 GMT", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(now: datetime, value: str, wait: timedelta | None):
    assert retry_after({"retry-after": value}, now=now) == wait


@pytest.mark.parametrize(
    ("error_class", "verdict", "sign"),
    [
        (ErrorClass.TRANSIENT, Verdict.RETRY, Sign.TROUBLE),
        (ErrorClass.ACCOUNT, Verdict.RETRY, Sign.BROKEN),
        (ErrorClass.PERMANENT, Verdict.REJECTED, Sign.WELL),
        (ErrorClass.USER, Verdict.REJECTED, Sign.WELL),
    ],
)
def test_class_says_what_happens_to_message_and_account(
    error_class: ErrorClass, verdict: Verdict, sign: Sign
):
    result = CodeMeaning(error_class, "So it is.").result("c")

    assert (result.verdict, result.sign, result.retry_after) == (verdict, sign, None)


@pytest.mark.parametrize(
    "code",
    sorted({*twilio.MEANINGS, *sendgrid.MEANINGS, *smtp.ANYWHERE} | {code for _, code in smtp.REPLIES} - {0}),
)
def test_every_code_stands_on_the_page_about_errors(code: int):
    assert re.search(rf"\b{code}\b", PAGE.read_text(encoding="utf-8"))
