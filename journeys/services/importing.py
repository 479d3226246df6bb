"""Couples from a CSV file: every row is either added, known already, or refused with line, column and reason."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import IntegrityError

from journeys.contacts import normal_email, normal_phone
from journeys.encryption import blind_index
from journeys.errors import Invalid, ServiceError
from journeys.language.calendar import local_time
from journeys.models import Client, Vendor
from journeys.scoping import owned_by
from journeys.services.clients import client_add
from journeys.services.vendors import check_zone
from journeys.services.weddings import StakeholderData, WeddingData

T = TypeVar("T")

PEOPLE = ("partner_1", "partner_2", "planner")
_PERSON = ("first_name", "last_name", "email", "phone")
#: Every column that is read; `field:<name>` becomes one of the client's own fields.
COLUMNS = (
    "external_ref",
    "display_name",
    *(f"{role}_{part}" for role in PEOPLE for part in _PERSON),
    "status",
    "locale",
    "tags",
    "booked_on",
    "booked_days_ago",
    "wedding_date",
    "days_to_wedding",
    "wedding_time",
    "time_zone",
    "venue",
    "city",
    "region",
    "guest_count",
    "email_allowed",
    "sms_allowed",
)
OWN_FIELD = "field:"
_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
#: Years that a wedding or a booking may lie in.
_YEARS = range(1990, 2200)
_MOST_DAYS = 36_525


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file, not yet read."""

    #: Line of the file, counted from 1, the header included.
    line: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why a row was not taken."""

    line: int
    #: "" when the row as a whole is meant.
    column: str
    reason: str


@dataclass(slots=True)
class Report:
    """What became of every row."""

    rows: int = 0
    #: Added, or in a dry run: would be.
    added: int = 0
    #: There already, from an earlier run or an earlier line.
    known: int = 0
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """Count the rows that were not taken."""
        return len({refusal.line for refusal in self.refusals})


def read_rows(lines: Iterable[str]) -> tuple[list[Row], list[Refusal]]:
    """Split a CSV file (comma or semicolon, header first) into rows; empty lines are passed over.

    Raises:
        Invalid: code `bad_file` when the header can not be used or the text is not UTF-8.
    """
    rows: list[Row] = []
    refusals: list[Refusal] = []
    try:
        iterator = iter(lines)
        first = next(iterator, "")
        header = _header(first)
        reader = csv.reader(iterator, delimiter=_delimiter(first), strict=True)
        line = 2
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                refusals.append(Refusal(line, "", f"The line can not be read as CSV: {error}."))
                break
            if any(cell.strip() for cell in cells):
                if len(cells) > len(header):
                    reason = f"The line has {len(cells)} cells, the header {len(header)}: put quotes around commas."
                    refusals.append(Refusal(line, "", reason))
                else:
                    cells += [""] * (len(header) - len(cells))
                    values = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
                    rows.append(Row(line, values))
            line = reader.line_num + 2
    except UnicodeDecodeError as error:
        raise Invalid('The file is not UTF-8: save it as "CSV UTF-8".', code="bad_file") from error
    return rows, refusals


def import_rows(*, vendor: Vendor, rows: Iterable[Row], apply: bool, now: dt.datetime, actor: str) -> Report:
    """Add the couples of all good rows, each in its own transaction; without `apply` only say what would happen.

    A second call adds nobody twice: a row is known by its external_ref, or by the first partner's e-mail
    together with the wedding's date.
    """
    report = Report()
    seen: set[tuple[str, ...]] = set()
    for row in rows:
        report.rows += 1
        reading = _Reading(row=row, vendor=vendor, now=now)
        values = reading.client()
        if reading.refusals:
            report.refusals.extend(reading.refusals)
            continue
        identity = reading.identity()
        if identity.looked_for & seen or _is_known(vendor, identity):
            report.known += 1
            continue
        seen |= identity.left
        if apply:
            try:
                client_add(vendor=vendor, **values, now=now, actor=actor)
            except ServiceError as error:
                report.refusals.append(Refusal(row.line, "", error.message))
                continue
            except IntegrityError:
                reason = "Somebody added this couple at the same moment: run the import again."
                report.refusals.append(Refusal(row.line, "", reason))
                continue
        report.added += 1
    return report


@dataclass(frozen=True, slots=True)
class _Identity:
    """What a couple is known by: a reference, or the first partner's address together with the wedding's date.

    The same address under two references is two bookings; without a reference it is one.
    """

    reference: str
    email_index: str
    date: dt.date | None

    @property
    def looked_for(self) -> set[tuple[str, ...]]:
        """Give what an earlier line would have left."""
        found = {("contact", *self._contact)}
        return found | ({("reference", self.reference)} if self.reference else {("referred", *self._contact)})

    @property
    def left(self) -> set[tuple[str, ...]]:
        """Give what later lines are compared with."""
        if self.reference:
            return {("reference", self.reference), ("referred", *self._contact)}
        return {("contact", *self._contact)}

    @property
    def _contact(self) -> tuple[str, str]:
        # Without an address, the reference stands for it, so that strangers are not taken for one another.
        return (self.email_index or self.reference, self.date.isoformat() if self.date else "")


@dataclass(slots=True)
class _Reading:
    """One row on its way to being a client; what can not be used is collected, not raised."""

    row: Row
    vendor: Vendor
    now: dt.datetime
    refusals: list[Refusal] = field(default_factory=list)
    _email: str = ""
    _date: dt.date | None = None

    def client(self) -> dict[str, Any]:
        """Give the arguments of `client_add`; complete only when nothing was refused."""
        zone = self._read("time_zone", _zone) or self.vendor.time_zone
        today = local_time(self.now, self.vendor.time_zone).date()
        here = local_time(self.now, zone).date()
        self._date = self._day("wedding_date", "days_to_wedding", here, 1)
        people = [person for role in PEOPLE if (person := self._person(role)) is not None]
        first = people[0] if people and people[0].role == PEOPLE[0] else None
        self._email = first.email if first else ""
        if not (first and first.first_name) and not self._text("display_name"):
            self._refuse("partner_1_first_name", "Give the first partner's name, or a display_name.")
        if not self._email and not self._text("external_ref"):
            self._refuse(
                "partner_1_email",
                "Give an e-mail address or an external_ref: without either, a repeated import would add them twice.",
            )
        return {
            "display_name": self._text("display_name"),
            "status": self._read("status", _short(40)) or "lead",
            "locale": self._read("locale", _short(20)) or "en",
            "tags": self._read("tags", _tags) or [],
            "fields": {
                name.removeprefix(OWN_FIELD): value
                for name, value in self.row.values.items()
                if name.startswith(OWN_FIELD) and value
            },
            "external_ref": self._read("external_ref", _short(100)),
            "wedding": WeddingData(
                date=self._date,
                time=self._read("wedding_time", _time),
                time_zone=zone,
                venue=self._text("venue"),
                city=self._text("city"),
                region=self._read("region", _region) or "",
                guest_count=self._read("guest_count", _count),
            ),
            "stakeholders": people,
            "booked_on": self._day("booked_on", "booked_days_ago", today, -1),
        }

    def identity(self) -> _Identity:
        """Give what the couple is known by."""
        return _Identity(self._text("external_ref"), blind_index(self._email), self._date)

    def _person(self, role: str) -> StakeholderData | None:
        parts = {part: self._text(f"{role}_{part}") for part in _PERSON}
        if not any(parts.values()):
            return None
        parts["email"] = self._read(f"{role}_email", normal_email) or ""
        parts["phone"] = self._read(f"{role}_phone", self._phone) or ""
        allowed: dict[str, bool] = {}
        if role != "planner":
            for name in ("email_allowed", "sms_allowed"):
                answer = self._read(name, _yes_no)
                allowed[name] = True if answer is None else answer
        return StakeholderData(role=role, **parts, **allowed)  # type: ignore[arg-type] # two dictionaries by name

    def _phone(self, text: str) -> str:
        return normal_phone(text, region=self.vendor.region)

    def _day(self, column: str, counted: str, today: dt.date, sign: int) -> dt.date | None:
        """Read a date that is written out, or counted in days from today."""
        if self._text(column) and self._text(counted):
            self._refuse(counted, f"Give {column} or {counted}, not both.")
            return None
        days = self._read(counted, _days)
        return self._read(column, _date) if days is None else today + dt.timedelta(days=sign * days)

    def _text(self, column: str) -> str:
        return self.row.values.get(column, "")

    def _read(self, column: str, convert: Callable[[str], T]) -> T | None:
        text = self._text(column)
        if not text:
            return None
        try:
            return convert(text)
        except ServiceError as error:
            self._refuse(column, error.message)
        except ValueError as error:
            self._refuse(column, str(error))
        return None

    def _refuse(self, column: str, reason: str) -> None:
        refusal = Refusal(self.row.line, column, reason)
        if refusal not in self.refusals:
            self.refusals.append(refusal)


def _is_known(vendor: Vendor, identity: _Identity) -> bool:
    clients = owned_by(vendor, Client)
    if identity.reference and clients.filter(external_ref=identity.reference).exists():
        return True
    if not identity.email_index:
        return False
    date = identity.date
    same = clients.filter(
        email_index=identity.email_index,
        **({"weddings__date": date} if date else {"weddings__date__isnull": True}),
    )
    return (same.filter(external_ref__isnull=True) if identity.reference else same).exists()


def _delimiter(header: str) -> str:
    return ";" if header.count(";") > header.count(",") else ","


def _header(line: str) -> list[str]:
    names = [name.strip() for name in next(csv.reader([line], delimiter=_delimiter(line)), [])]
    if not any(names):
        raise Invalid("The file is empty: its first line names the columns.", code="bad_file")
    unknown = [name for name in names if name not in COLUMNS and not re.fullmatch(r"field:.{1,60}", name)]
    if unknown:
        raise Invalid(
            f"The column {unknown[0]!r} is not known. Known: {', '.join(COLUMNS)}, and field:<name>.",
            code="bad_file",
            details={"columns": unknown},
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Invalid(f"The column {twice[0]!r} is there twice: keep one.", code="bad_file")
    return names


def _zone(text: str) -> str:
    check_zone(text)
    return text


def _date(text: str) -> dt.date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("Write the date as year-month-day, such as 2027-06-12.")
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError("There is no such day in the calendar.") from None
    if date.year not in _YEARS:
        raise ValueError(f"The year {date.year} can not be meant: correct it.")
    return date


def _time(text: str) -> dt.time:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError("Write the time as hours and minutes, such as 15:30.")
    return dt.time.fromisoformat(text)


def _days(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,5}", text) or abs(int(text)) > _MOST_DAYS:
        raise ValueError("Write a whole number of days.")
    return int(text)


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise ValueError("Write a whole number of guests.")
    return int(text)


def _region(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}(-[A-Za-z0-9]{1,3})?", text):
        raise ValueError('Write a country such as "PT", or "US-CA".')
    return text.upper()


def _tags(text: str) -> list[str]:
    tags = [tag.strip() for tag in re.split(r"[;|]", text) if tag.strip()]
    for tag in tags:
        _short(60)(tag)
    return tags


def _yes_no(text: str) -> bool:
    if text.lower() not in _YES_NO:
        raise ValueError("Write yes or no.")
    return _YES_NO[text.lower()]


def _short(longest: int) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if len(text) > longest or not text.isprintable():
            raise ValueError(f"Write at most {longest} characters.")
        return text

    return convert
