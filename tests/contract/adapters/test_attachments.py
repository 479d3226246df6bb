"""Files that go along with an email, as each provider takes them."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace

import pytest

from channels.adapters.sendgrid import payload
from channels.contract import Attachment, Verdict
from channels.models import SinkMessage
from tests.fakes import documents
from tests.fakes.mail_server import FakeMailServer
from tests.fakes.provider import FakeProvider

from .conftest import Bench

ICS = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:In\xc3\xaas\r\nEND:VCALENDAR\r\n"
INVITATION = Attachment("invitation.ics", "text/calendar", ICS, calendar_method="REQUEST")
PICTURE = Attachment("plan.png", "image/png", b"\x89PNG")


def test_every_provider_of_email_takes_an_invitation(bench: Bench) -> None:
    if "email" not in bench.adapter.channels:
        pytest.skip("Texts have no files.")

    result = bench.adapter.send(replace(bench.message, attachments=(INVITATION, PICTURE)))

    assert Verdict.ACCEPTED == result.verdict
    assert 1 == bench.taken()


def test_sendgrid_gets_the_invitation_as_a_part_and_as_a_file(
    sendgrid: Bench, provider: FakeProvider
) -> None:
    sendgrid.adapter.send(replace(sendgrid.message, attachments=(INVITATION, PICTURE)))

    sent = json.loads(provider.requests[-1][3])
    assert ["text/plain", "text/html", "text/calendar; method=REQUEST"] == [
        part["type"] for part in sent["content"]
    ]
    assert ICS.decode() == sent["content"][2]["value"]
    assert [("invitation.ics", "application/ics"), ("plan.png", "image/png")] == [
        (file["filename"], file["type"]) for file in sent["attachments"]
    ]
    assert ICS == b64decode(sent["attachments"][0]["content"])


@pytest.mark.skipif(not documents.available(), reason="The providers' documents are not beside the checkout.")
def test_request_with_files_fits_the_documents_of_sendgrid(sendgrid: Bench) -> None:
    message = replace(sendgrid.message, attachments=(INVITATION, PICTURE))

    assert [] == documents.faults_of_sendgrid_mail(payload(message))


def test_a_mail_server_gets_the_invitation_as_a_part_and_as_a_file(
    smtp: Bench, mail_server: FakeMailServer
) -> None:
    smtp.adapter.send(replace(smtp.message, attachments=(INVITATION,)))

    (mail,) = mail_server.mails
    letter, file = mail.iter_parts()
    assert "multipart/mixed" == mail.get_content_type()
    parts = list(letter.iter_parts())
    assert ["text/plain", "text/html", "text/calendar"] == [part.get_content_type() for part in parts]
    assert "REQUEST" == parts[2].get_param("method")
    # Quoted-printable: the lines end as the mail's own do, which is CRLF on the wire.
    assert ICS.replace(b"\r\n", b"\n") == parts[2].get_payload(decode=True)
    assert ("application/ics", "invitation.ics") == (file.get_content_type(), file.get_filename())
    assert ICS == file.get_payload(decode=True)


def test_the_sink_keeps_the_file(sink: Bench) -> None:
    sink.adapter.send(replace(sink.message, attachments=(INVITATION,)))

    (kept,) = SinkMessage.objects.get().attachments
    assert ("invitation.ics", "text/calendar", ICS) == (
        kept["name"],
        kept["content_type"],
        b64decode(kept["content"]),
    )
