"""The settings every step has: when it happens, what lateness means, what an error does."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from .errors import OffsetError
from .offsets import Offset, UnknownParameterError

#: Anchored and dated steps that nobody gave a rule may be this late, in hours.
DEFAULT_LATE_HOURS = 48

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_REFERENCE = re.compile(r"\$([a-z][a-z0-9_]{0,63})")
_NAME = r"^[a-z][a-z0-9_]{0,63}$"


def _parameters(info: ValidationInfo) -> Mapping[str, Any] | None:
    """Return the parameters to resolve against; None keeps references as they are written."""
    context = info.context
    return context.get("parameters") if isinstance(context, Mapping) else None


def _read_offset(value: object, info: ValidationInfo) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("offset", 'Write the offset as text, such as "-30d".')
    parameters = _parameters(info)
    try:
        if "$" in value and parameters is None:
            return value
        return str(Offset.parse(value, parameters=parameters))
    except UnknownParameterError as error:
        raise PydanticCustomError("unknown_parameter", "{reason}", {"reason": str(error)}) from None
    except OffsetError as error:
        raise PydanticCustomError("offset", "{reason}", {"reason": str(error)}) from None


def _read_time(value: object, info: ValidationInfo) -> str:
    if isinstance(value, str) and (reference := _REFERENCE.fullmatch(value)):
        parameters = _parameters(info)
        if parameters is None:
            return value
        if reference[1] not in parameters:
            reason = f"There is no parameter {reference[1]!r}. Declare it under parameters or write the time."
            raise PydanticCustomError("unknown_parameter", "{reason}", {"reason": reason})
        value = parameters[reference[1]]
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise PydanticCustomError("time", 'Write the time as hours and minutes, such as "09:00".')
    return value


#: An offset as text; `$name` is replaced by the parameter when the graph is read.
OffsetText = Annotated[
    str,
    BeforeValidator(_read_offset),
    WithJsonSchema({"type": "string", "format": "offset", "examples": ["-30d", "2w", "$final_payment -7d"]}),
]
#: A wall-clock time "HH:MM"; `$name` is replaced by the parameter when the graph is read.
TimeText = Annotated[
    str,
    BeforeValidator(_read_time),
    WithJsonSchema({"type": "string", "format": "time", "examples": ["09:00", "$send_time"]}),
]
#: Whose clock a wall-clock time is read from.
ZoneChoice = Literal["wedding", "vendor"]


class _Settings(BaseModel):
    """Refuse what is not known; never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class DurationTiming(_Settings):
    """Wait so long, counted from the moment the step is reached, then until `at` if it is given."""

    kind: Literal["duration"] = "duration"
    for_: OffsetText = Field(alias="for", title="For", description="How long, such as 3d, 2h or 1w.")
    at: TimeText | None = Field(default=None, title="At", description="Then wait for this time of the day.")

    @field_validator("for_")
    @classmethod
    def _moves_forward(cls, value: str) -> str:
        if "$" not in value and Offset.parse(value).shortest <= dt.timedelta(0):
            raise PydanticCustomError("offset", "A wait goes forward: write a length greater than zero.")
        return value


class DateTiming(_Settings):
    """Happen on one fixed day."""

    kind: Literal["date"] = "date"
    date: dt.date = Field(title="Date")
    at: TimeText = Field(default="09:00", title="At")
    zone: ZoneChoice = Field(default="wedding", title="Whose clock")

    @field_validator("date", mode="before")
    @classmethod
    def _is_written_out(cls, value: object) -> object:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return value
        if type(value) is dt.date:
            return value
        raise PydanticCustomError("date", 'Write the date as year, month and day, such as "2027-05-01".')


class AnchorTiming(_Settings):
    """Happen so long before or after one of the couple's dates."""

    kind: Literal["anchor"] = "anchor"
    anchor: str = Field(default="wedding", pattern=_NAME, title="Date it hangs on")
    offset: OffsetText = Field(default="0d", title="Before (−) or after")
    at: TimeText | None = Field(default=None, title="At", description="Empty: the date's own time, or 09:00.")
    zone: ZoneChoice = Field(default="wedding", title="Whose clock")


class WindowTiming(_Settings):
    """Wait until messages may go out: at once inside the sending hours, otherwise when they begin."""

    kind: Literal["window"] = "window"


class FactTiming(_Settings):
    """Happen so long before or after a date in the couple's own data: a variable, a field, the answer to a form.

    Where there is no date, or none that can be read, the step waits until there is one.
    """

    kind: Literal["fact"] = "fact"
    path: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}(\.[A-Za-z0-9_-]{1,64}){1,5}$",
        title="Where the date stands",
        description="Such as variables.shoot_date, client.fields.move_in or forms.answers.questionnaire.rehearsal.",
    )
    offset: OffsetText = Field(default="0d", title="Before (−) or after")
    at: TimeText | None = Field(default=None, title="At", description="Empty: the date's own time, or 09:00.")
    zone: ZoneChoice = Field(default="wedding", title="Whose clock")


Timing = Annotated[
    DurationTiming | DateTiming | AnchorTiming | WindowTiming | FactTiming, Field(discriminator="kind")
]


class LateRule(_Settings):
    """Say what happens when a dated step's moment has already passed."""

    rule: Literal["send", "skip", "within", "ask"] = "within"
    hours: int | None = Field(default=None, ge=1, le=24 * 366 * 10, description="Only for the rule within.")

    @model_validator(mode="before")
    @classmethod
    def _hours_belong_to_within(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        rule, hours = data.get("rule", "within"), data.get("hours")
        if rule == "within" and hours is None:
            return {**data, "hours": DEFAULT_LATE_HOURS}
        if rule != "within" and hours is not None:
            raise PydanticCustomError("hours", "Hours belong to the rule within: leave them out here.")
        return data


class NodeSettings(_Settings):
    """Be the base of every step's settings: any step can be timed."""

    when: Timing | None = Field(default=None, title="When")
    late: LateRule | None = Field(default=None, title="When its moment has passed")
    on_error: Literal["ticket", "skip"] = Field(default="ticket", title="When this couple's data is wrong")


class TriggerSettings(_Settings):
    """Say what starts the journey; a start step's settings carry it in the field `trigger`."""

    type: str = Field(min_length=1, max_length=64, title="Event")
    settings: dict[str, Any] = Field(default_factory=dict, title="Which of them")
    where: str = Field(default="", max_length=2000, title="Only when", description="An expression.")
