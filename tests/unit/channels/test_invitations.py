"""Calendar files: what RFC 5545 asks for, byte by byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.attachments import built, invitation
from channels.invitations import Invitation, Party
from tests.meets import calendar_of_mail

EVENT = Invitation(
    method="REQUEST",
    uid="mtg_1@journeys",
    sequence=2,
    stamp=datetime(2027, 4, 14, 9, 0, 0, 123456, tzinfo=UTC),
    starts_at=datetime(2027, 4, 15, 11, 0, tzinfo=timezone(timedelta(hours=2))),
    ends_at=datetime(2027, 4, 15, 9, 30, tzinfo=UTC),
    summary="Final call: Luz & Linho",
    location="Rua da Luz, 4; Lisboa",
    organizer=Party("Luz & Linho", "ola@luz.example.com"),
    attendees=(Party('Inês "Nini" Alves', "ines@example.com"),),
)


def test_a_file_is_written_as_calendars_read_it() -> None:
    assert EVENT.as_file().decode().split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//WedSync//Journeys//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:REQUEST",
        "BEGIN:VEVENT",
        "UID:mtg_1@journeys",
        "SEQUENCE:2",
        "DTSTAMP:20270414T090000Z",
        "DTSTART:20270415T090000Z",
        "DTEND:20270415T093000Z",
        "SUMMARY:Final call: Luz & Linho",
        "LOCATION:Rua da Luz\\, 4\\; Lisboa",
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        'ORGANIZER;CN="Luz & Linho":mailto:ola@luz.example.com',
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=",
        " FALSE;CN=\"Inês 'Nini' Alves\":mailto:ines@example.com",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]


def test_a_cancellation_says_so_twice() -> None:
    found = calendar_of_mail(replace(EVENT, method="CANCEL").as_file())

    assert (["CANCEL"], ["CANCELLED"]) == (found["METHOD"], found["STATUS"])
    assert b"PARTSTAT" not in replace(EVENT, method="CANCEL").as_file()


@given(text=st.text(max_size=300), name=st.text(max_size=100))
def test_no_text_breaks_out_of_its_line(text: str, name: str) -> None:
    event = replace(
        EVENT,
        summary=text,
        description=text + "é" * 100,
        location=text,
        url=text,
        organizer=Party(name, "a@example.com"),
    )

    content = event.as_file()
    found = calendar_of_mail(content)

    assert 1 == len(found["UID"])
    assert 1 == content.count(b"\r\nEND:VEVENT\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert ["mailto:a@example.com"] == found["ORGANIZER"]
    kept = "".join(
        one for one in text.replace("\r\n", "\n").replace("\r", "\n") if one.isprintable() or one in "\n\t"
    )
    assert [kept] == found["SUMMARY"]


def test_the_ledgers_note_gives_the_same_bytes_again() -> None:
    note = invitation(EVENT)

    (first,), (second,) = built([note]), built([note])

    assert first == second
    assert EVENT.as_file() == first.content
    assert ("invitation.ics", "text/calendar", "REQUEST") == (
        first.name,
        first.content_type,
        first.calendar_method,
    )
    assert "cancellation.ics" == built([invitation(replace(EVENT, method="CANCEL"))])[0].name


def test_a_note_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match="no attachment of the kind"):
        built([{"kind": "contract"}])
