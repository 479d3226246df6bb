"""What a vendor says about when, and how often, a couple may be written to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from .errors import CalendarError
from .sending_hours import SendingHours

_MINUTES_OF_DAY = 24 * 60
_MOST_DAYS = 500
_HOW = 'Write two different times such as ["21:00", "08:00"].'

#: Who decides on the couple's wedding day: only marketing waits, everything does, or nothing.
WeddingDayRule = Literal["marketing", "all", "off"]


class QuietHours(tuple[int, int]):
    """Be a span of every day, in minutes since midnight, in which a person is left alone; it may pass midnight."""

    __slots__ = ()

    @classmethod
    def read(cls, value: object) -> QuietHours:
        """Read ["21:00", "08:00"]; raise CalendarError for anything else."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, list | tuple) or len(value) != 2:  # noqa: PLR2004 # a start and an end
            raise CalendarError(f"The quiet hours {value!r} are not a start and an end. {_HOW}")
        start, end = (_minute(part) for part in value)
        if start == end:
            raise CalendarError(f"The quiet hours begin and end at the same time. {_HOW}")
        return cls((start, end))

    def __str__(self) -> str:
        return f"{_written(self[0])} to {_written(self[1])}"

    def as_setting(self) -> list[str]:
        """Write the hours so that `read` reads them again."""
        return [_written(self[0]), _written(self[1])]

    @property
    def open(self) -> SendingHours:
        """Return the rest of the day as hours in which the person may be written to."""
        start, end = self
        spans = [(end, start)] if end < start else [(0, start), (end, _MINUTES_OF_DAY)]
        return SendingHours((tuple(span for span in spans if span[0] < span[1]),) * 7)


def _minute(value: object) -> int:
    try:
        at = dt.time.fromisoformat(value) if isinstance(value, str) and len(value) == len("HH:MM") else None
    except ValueError:
        at = None
    if at is None:
        raise CalendarError(f"{value!r} is not a time of the day. {_HOW}")
    return at.hour * 60 + at.minute


def _written(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _read_quiet(value: object) -> QuietHours | None:
    if value is None or value == []:
        return None
    try:
        return QuietHours.read(value)
    except CalendarError as error:
        raise PydanticCustomError("quiet_hours", "{reason}", {"reason": str(error)}) from None


_Quiet = Annotated[Any, BeforeValidator(_read_quiet)]


class _Rules(BaseModel):
    """Refuse what is not known; never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class FreeDays(_Rules):
    """Be days on which the vendor wants nothing to go out."""

    from_: dt.date = Field(alias="from")
    until: dt.date
    name: str = Field(default="", max_length=80)

    @model_validator(mode="before")
    @classmethod
    def _one_day_is_a_span(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"from": data, "until": data}
        if isinstance(data, Mapping) and "until" not in data and "from" in data:
            return {**data, "until": data["from"]}
        return data

    @model_validator(mode="after")
    def _goes_forward(self) -> FreeDays:
        if self.until < self.from_:
            raise PydanticCustomError("days", "The free days end before they begin: exchange the two dates.")
        return self


class Blackout(_Rules):
    """Say on which days nothing goes out. A day is the vendor's, midnight to midnight where the vendor is."""

    own_weddings: bool = Field(
        default=False, description="Days on which a wedding of this vendor takes place."
    )
    holidays: bool = Field(default=False, description="Public holidays of the vendor's region.")
    days: tuple[FreeDays, ...] = Field(default=(), max_length=_MOST_DAYS, description="Days to be kept free.")
    transactional: bool = Field(default=True, description="Hold transactional messages too.")

    def free(self, day: dt.date) -> FreeDays | None:
        """Return the free days that this day belongs to."""
        return next((span for span in self.days if span.from_ <= day <= span.until), None)


class Cap(_Rules):
    """Allow so many sends in any so many days that follow one another."""

    count: int = Field(ge=1, le=1000)
    days: int = Field(ge=1, le=366)

    @property
    def span(self) -> dt.timedelta:
        """Return the days as elapsed time."""
        return dt.timedelta(days=self.days)


class Caps(_Rules):
    """Count marketing and transactional sends apart; without a figure there is no limit."""

    marketing: Cap | None = None
    transactional: Cap | None = None


class Spacing(_Rules):
    """Ask for a pause between two messages to one person, whatever journeys they come from."""

    hours: int = Field(default=0, ge=0, le=24 * 14)
    transactional: bool = Field(default=True, description="Transactional messages wait for it too.")


class QuietByChannel(_Rules):
    """Be the quiet hours of people who have none of their own."""

    email: _Quiet = None
    sms: _Quiet = QuietHours((21 * 60, 8 * 60))


class ContactRules(_Rules):
    """Hold a vendor's rules beside the sending hours."""

    blackout: Blackout = Blackout()
    wedding_day: WeddingDayRule = Field(
        default="marketing", description="What waits on the couple's own wedding day."
    )
    quiet_hours: QuietByChannel = QuietByChannel()
    cap: Caps = Caps()
    spacing: Spacing = Spacing()
    approve_all: bool = Field(default=False, description="Every message waits for a person's yes.")

    @classmethod
    def from_setting(cls, setting: Mapping[str, Any] | None) -> ContactRules:
        """Read a vendor's setting; what is left out has its default.

        Raises CalendarError with the place and the cure of the first thing that is wrong.
        """
        try:
            return cls.model_validate(setting or {})
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "contact rules"
            said = {"extra_forbidden": "is not known: remove it"}.get(first["type"]) or first["msg"]
            raise CalendarError(f"Contact rules, {place}: {said.rstrip('.')}.") from None

    def as_setting(self) -> dict[str, Any]:
        """Write every rule with its value, so that `from_setting` reads them again."""
        written = self.model_dump(mode="json", by_alias=True, exclude={"quiet_hours"})
        quiet = {"email": self.quiet_hours.email, "sms": self.quiet_hours.sms}
        written["quiet_hours"] = {name: hours.as_setting() if hours else [] for name, hours in quiet.items()}
        return written

    @cached_property
    def counts(self) -> bool:
        """Tell whether earlier messages matter."""
        return bool(self.spacing.hours or self.cap.marketing or self.cap.transactional)

    @property
    def reach(self) -> dt.timedelta:
        """Return how far back earlier messages matter."""
        caps = [cap.span for cap in (self.cap.marketing, self.cap.transactional) if cap]
        return max([dt.timedelta(hours=self.spacing.hours), *caps])
