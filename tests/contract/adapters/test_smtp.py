"""The mail server, reply by reply."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels.contract import Sign, Verdict
from journeys.language.errors import ErrorClass
from tests.fakes.mail_server import FakeMailServer

from .conftest import Bench


def test_mail_has_both_parts_and_a_way_out(smtp: Bench, mail_server: FakeMailServer):
    smtp.adapter.send(smtp.message)

    (mail,) = mail_server.mails
    assert mail["From"] == "Luz & Linho <hello@luz.example.com>"
    assert mail["To"] == "Ana Alves <ana@example.com>"
    assert mail["Reply-To"] == "ola@luz.example.com"
    assert mail["Subject"] == "Olá, Ana"
    assert mail["Message-ID"] == "<msg_2345@luz.example.com>"
    assert mail["List-Unsubscribe"] == f"<{smtp.message.unsubscribe_url}>"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("command", "reply", "verdict", "error_class"),
    [
        ("MAIL", "550 no", Verdict.RETRY, ErrorClass.ACCOUNT),
        ("MAIL", "530 log in first", Verdict.RETRY, ErrorClass.ACCOUNT),
        ("MAIL", "552 too large", Verdict.REJECTED, ErrorClass.PERMANENT),
        ("MAIL", "421 going away", Verdict.RETRY, ErrorClass.TRANSIENT),
        ("MAIL", "451 later", Verdict.RETRY, ErrorClass.TRANSIENT),
        ("MAIL", "cut", Verdict.RETRY, ErrorClass.TRANSIENT),
        ("RCPT", "550 nobody here", Verdict.REJECTED, ErrorClass.USER),
        ("RCPT", "550 5.7.1 relay access denied", Verdict.RETRY, ErrorClass.ACCOUNT),
        ("RCPT", "535 no", Verdict.RETRY, ErrorClass.ACCOUNT),
        ("RCPT", "552 mailbox full", Verdict.REJECTED, ErrorClass.USER),
        ("RCPT", "554 no", Verdict.REJECTED, ErrorClass.USER),
        ("RCPT", "450 later", Verdict.RETRY, ErrorClass.TRANSIENT),
        ("RCPT", "454 can not check", Verdict.RETRY, ErrorClass.TRANSIENT),
        ("RCPT", "cut", Verdict.RETRY, ErrorClass.TRANSIENT),
        ("DATA", "554 no", Verdict.REJECTED, ErrorClass.PERMANENT),
        ("DATA", "cut", Verdict.IN_DOUBT, None),
        (".", "552 too large", Verdict.REJECTED, ErrorClass.PERMANENT),
        (".", "452 later", Verdict.RETRY, ErrorClass.TRANSIENT),
        (".", "cut", Verdict.IN_DOUBT, None),
        (".", "take and cut", Verdict.IN_DOUBT, None),
    ],
)
def test_reply_has_its_verdict(
    smtp: Bench,
    mail_server: FakeMailServer,
    *,
    command: str,
    reply: str,
    verdict: Verdict,
    error_class: ErrorClass | None,
):
    mail_server.replies[command] = reply

    result = smtp.adapter.send(smtp.message)

    assert (result.verdict, result.error_class) == (verdict, error_class)


@pytest.mark.parametrize("address", ["not an address", "a@b\r\nBcc: evil@example.com", ""])
def test_address_that_is_none_is_refused_before_the_server_is_called(
    smtp: Bench, mail_server: FakeMailServer, address: str
):
    result = smtp.adapter.send(replace(smtp.message, address=address))

    assert (result.verdict, result.error_class) == (Verdict.REJECTED, ErrorClass.USER)
    assert mail_server.mails == []


def test_wrong_password_is_for_a_person(smtp: Bench, mail_server: FakeMailServer, settings):
    settings.SMTP_URL = mail_server.url.replace("smtp://", "smtp://user:secret@")
    mail_server.replies["EHLO"] = "250-fake\r\n250 AUTH PLAIN"
    mail_server.replies["AUTH"] = "535 no"

    result = smtp.adapter.send(smtp.message)

    assert (result.verdict, result.error_class) == (Verdict.RETRY, ErrorClass.ACCOUNT)


@pytest.mark.parametrize(
    ("reply", "suppress", "sign"),
    [
        ("550 5.1.1 nobody here", "invalid", Sign.WELL),
        ("553 not a mailbox", "invalid", Sign.WELL),
        ("550 5.7.1 listed as spam", "", Sign.MISFIT),
        ("552 mailbox full", "", Sign.WELL),
        ("450 greylisted", "", Sign.NOTHING),
        ("421 going away", "", Sign.TROUBLE),
        ("550 relay access denied", "", Sign.BROKEN),
    ],
)
def test_refusal_of_the_receiver_says_whether_the_address_is_left_alone(
    smtp: Bench, mail_server: FakeMailServer, *, reply: str, suppress: str, sign: Sign
):
    mail_server.replies["RCPT"] = reply

    result = smtp.adapter.send(smtp.message)

    assert (result.suppress, result.sign) == (suppress, sign)


def test_server_without_login_is_for_a_person(smtp: Bench, mail_server: FakeMailServer, settings):
    settings.SMTP_URL = mail_server.url.replace("smtp://", "smtp://user:secret@")

    result = smtp.adapter.send(smtp.message)

    assert (result.verdict, result.code) == (Verdict.RETRY, "smtp_no_login")
