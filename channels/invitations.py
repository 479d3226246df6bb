"""Calendar invitations (RFC 5545, RFC 5546): one meeting, as mail programs put it into a calendar.

Times are written in UTC, so that no zone has to be described and none can be described wrongly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self

PRODUCT = "-//WedSync//Journeys//EN"
#: Bytes of a line before it is folded (RFC 5545, 3.1).
LINE_BYTES = 75

#: REQUEST asks somebody to come, CANCEL takes it back, PUBLISH only tells.
Method = Literal["REQUEST", "CANCEL", "PUBLISH"]


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who takes part."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """One state of one meeting, ready to be written as a calendar file."""

    method: Method
    #: The same for the meeting's whole life.
    uid: str
    #: Grows with every change; a calendar keeps the highest.
    sequence: int
    #: When this state came about (aware).
    stamp: datetime
    starts_at: datetime
    ends_at: datetime
    summary: str
    description: str = ""
    location: str = ""
    url: str = ""
    organizer: Party
    attendees: tuple[Party, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Give what `of_json` reads again; it holds personal data, so it is kept encrypted."""
        return {
            **asdict(self),
            "stamp": _utc(self.stamp),
            "starts_at": _utc(self.starts_at),
            "ends_at": _utc(self.ends_at),
            "attendees": [asdict(attendee) for attendee in self.attendees],
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it was not written by it.
        """
        times = {
            name: datetime.strptime(kept[name], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            for name in ("stamp", "starts_at", "ends_at")
        }
        people = {
            "organizer": Party(**kept["organizer"]),
            "attendees": tuple(Party(**attendee) for attendee in kept["attendees"]),
        }
        return cls(**{**kept, **times, **people})

    def as_file(self) -> bytes:
        """Write the calendar file; the same state gives the same bytes."""
        lines = (folded for line in self._lines() for folded in _folded(line))
        return b"".join(line + b"\r\n" for line in lines)

    def _lines(self) -> Iterator[str]:
        yield "BEGIN:VCALENDAR"
        yield "VERSION:2.0"
        yield f"PRODID:{PRODUCT}"
        yield "CALSCALE:GREGORIAN"
        yield f"METHOD:{self.method}"
        yield "BEGIN:VEVENT"
        yield f"UID:{_escaped(self.uid)}"
        yield f"SEQUENCE:{self.sequence}"
        yield f"DTSTAMP:{_utc(self.stamp)}"
        yield f"DTSTART:{_utc(self.starts_at)}"
        yield f"DTEND:{_utc(self.ends_at)}"
        yield f"SUMMARY:{_escaped(self.summary)}"
        yield from _optional("DESCRIPTION", _escaped(self.description))
        yield from _optional("LOCATION", _escaped(self.location))
        yield from _optional("URL", _one_line(self.url))
        yield f"STATUS:{'CANCELLED' if self.method == 'CANCEL' else 'CONFIRMED'}"
        yield "TRANSP:OPAQUE"
        yield f"ORGANIZER;CN={_quoted(self.organizer.name)}:mailto:{_one_line(self.organizer.email)}"
        yield from self._attendees()
        yield "END:VEVENT"
        yield "END:VCALENDAR"

    def _attendees(self) -> Iterable[str]:
        for attendee in self.attendees:
            asks = ";PARTSTAT=NEEDS-ACTION;RSVP=FALSE" if self.method == "REQUEST" else ""
            yield (
                f"ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT{asks};CN={_quoted(attendee.name)}"
                f":mailto:{_one_line(attendee.email)}"
            )


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _optional(name: str, value: str) -> Iterator[str]:
    if value:
        yield f"{name}:{value}"


def _escaped(text: str) -> str:
    """Escape a text value (RFC 5545, 3.3.11); control characters other than a line's end are left out."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for plain, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(plain, written)
    return "".join(character for character in text if character.isprintable() or character == "\t")


def _one_line(text: str) -> str:
    """Keep a value that is not escaped from growing a line of its own."""
    return "".join(character for character in text if character.isprintable())


def _quoted(name: str) -> str:
    """Quote a parameter's value, which can hold no double quote (RFC 5545, 3.2)."""
    return f'"{_one_line(name).replace(chr(34), chr(39))}"'


def _folded(line: str) -> Iterator[bytes]:
    """Split a line after at most 75 bytes, never inside a character; what follows begins with a space."""
    piece = b""
    for character in line:
        encoded = character.encode()
        if len(piece) + len(encoded) > LINE_BYTES:
            yield piece
            piece = b" "
        piece += encoded
    yield piece
