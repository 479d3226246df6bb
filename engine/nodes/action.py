"""Action: change what is written down about a client, give the vendor a task, steer other journeys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from engine.nodes.task import TODAY, due_day
from journeys.language.errors import ErrorClass, ExpressionError
from journeys.language.outcomes import (
    AddTag,
    Advance,
    Change,
    CreateTask,
    Fail,
    IncrementField,
    LeaveJourney,
    Outcome,
    RemoveTag,
    SetAnchor,
    SetField,
    SetStatus,
    SetVariable,
    StartJourney,
    StepContext,
)
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings, OffsetText

NAME = r"^[a-z][a-z0-9_]{0,63}$"
JOURNEY = r"^jrn_[0-9A-Za-z]{10,40}$"
Name = Annotated[str, Field(pattern=NAME)]
#: A text may hold variables; other values are taken as they are.
Value = str | int | float | bool | None


class _Deed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def texts(self) -> Iterable[tuple[str, str]]:
        """Return (field, Liquid source) for every text."""
        return ()

    def expressions(self) -> Iterable[tuple[str, str]]:
        """Return (field, source) for every expression."""
        return ()

    def reads(self) -> Iterable[str]:
        """Return fact paths beside those in the texts and expressions."""
        return ()


class _Written(_Deed):
    """A value that is written out, a text with variables, or computed."""

    value: Value = None
    expression: str = Field(default="", max_length=2000, description="Instead of the value: computed.")

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if self.expression.strip() and self.value is not None:
            raise PydanticCustomError("value", "Give a value or an expression, not both.")
        return self

    def texts(self) -> Iterable[tuple[str, str]]:
        """Check a value that is a text."""
        if isinstance(self.value, str):
            yield "value", self.value

    def expressions(self) -> Iterable[tuple[str, str]]:
        """Check a value that is computed."""
        if self.expression.strip():
            yield "expression", self.expression

    def written(self, context: StepContext[Any]) -> Any:
        """Return the value for this couple."""
        if self.expression.strip():
            return context.evaluate(self.expression)
        return context.render(self.value) if isinstance(self.value, str) else self.value


class AddTagDeed(_Deed):
    """Put a tag on the client."""

    kind: Literal["add_tag"]
    tag: str = Field(min_length=1, max_length=60)


class RemoveTagDeed(_Deed):
    """Take a tag off the client."""

    kind: Literal["remove_tag"]
    tag: str = Field(min_length=1, max_length=60)


class SetStatusDeed(_Deed):
    """Give the client another status."""

    kind: Literal["set_status"]
    status: str = Field(min_length=1, max_length=40)


class SetFieldDeed(_Written):
    """Write one of the client's own fields; null takes it away."""

    kind: Literal["set_field"]
    name: Name


class SetFieldsDeed(_Deed):
    """Write several of the client's own fields; null takes one away."""

    kind: Literal["set_fields"]
    fields: dict[Name, Value] = Field(min_length=1, max_length=40)

    def texts(self) -> Iterable[tuple[str, str]]:
        """Check the values that are texts."""
        yield from (
            (f"fields.{name}", value) for name, value in self.fields.items() if isinstance(value, str)
        )


class IncrementDeed(_Deed):
    """Add a number to one of the client's own fields, which counts from zero."""

    kind: Literal["increment"]
    name: Name
    by: int | float = Field(default=1, ge=-1_000_000_000, le=1_000_000_000)


class SetVariableDeed(_Written):
    """Write one of the variables that the journey declares."""

    kind: Literal["set_variable"]
    name: Name

    def reads(self) -> Iterable[str]:
        """Name the variable, so that it is checked to be declared."""
        yield f"variables.{self.name}"


class SetAnchorDeed(_Deed):
    """Give the wedding one of its other dates; without any of the three it is taken away."""

    kind: Literal["set_anchor"]
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    date: str = Field(default="", max_length=10, pattern=r"^(\d{4}-\d{2}-\d{2})?$", description="2027-05-01")
    offset: OffsetText | None = Field(default=None, description="So long from the day below.")
    offset_from: str = Field(default=TODAY, pattern=NAME, description="today, or another date of the couple.")
    expression: str = Field(default="", max_length=2000, description="Gives a date such as 2027-05-01.")

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if self.name == "wedding":
            raise PydanticCustomError("name", "The wedding's own day is moved by a person, not by a journey.")
        if sum(map(bool, (self.date, self.offset, self.expression.strip()))) > 1:
            raise PydanticCustomError("date", "Give a date, an offset or an expression, only one of them.")
        if self.date and _day(self.date) is None:
            raise PydanticCustomError("date", "There is no such day: write it as year, month and day.")
        return self

    def expressions(self) -> Iterable[tuple[str, str]]:
        """Check a date that is computed."""
        if self.expression.strip():
            yield "expression", self.expression

    def reads(self) -> Iterable[str]:
        """Read the day that the offset counts from."""
        if self.offset:
            yield "wedding.time_zone" if self.offset_from == TODAY else f"wedding.anchors.{self.offset_from}"


class CreateTaskDeed(_Deed):
    """Put a task on the vendor's list, and go on."""

    kind: Literal["create_task"]
    title: str = Field(min_length=1, max_length=200)
    note: str = Field(default="", max_length=5000)
    due: OffsetText | None = None
    due_from: str = Field(default=TODAY, pattern=NAME, description="today, or one of the couple's dates.")

    def texts(self) -> Iterable[tuple[str, str]]:
        """Check both texts."""
        yield "title", self.title
        yield "note", self.note

    def reads(self) -> Iterable[str]:
        """Read the day that the due day counts from."""
        if self.due:
            yield "wedding.time_zone" if self.due_from == TODAY else f"wedding.anchors.{self.due_from}"


class StartJourneyDeed(_Deed):
    """Start another journey for the client, and go on."""

    kind: Literal["start_journey"]
    journey: str = Field(pattern=JOURNEY)
    variables: dict[Name, Value | list[str]] = Field(default_factory=dict, max_length=40)

    def texts(self) -> Iterable[tuple[str, str]]:
        """Check the variables that are texts."""
        yield from (
            (f"variables.{name}", value) for name, value in self.variables.items() if isinstance(value, str)
        )


class LeaveJourneyDeed(_Deed):
    """End the client's passage through another journey; nothing when there is none."""

    kind: Literal["leave_journey"]
    journey: str = Field(pattern=JOURNEY)


Deed = Annotated[
    AddTagDeed
    | RemoveTagDeed
    | SetStatusDeed
    | SetFieldDeed
    | SetFieldsDeed
    | IncrementDeed
    | SetVariableDeed
    | SetAnchorDeed
    | CreateTaskDeed
    | StartJourneyDeed
    | LeaveJourneyDeed,
    Field(discriminator="kind"),
]

#: These lock the wedding: it is changed, or other passages of the couple are begun or ended.
_WEDDING_DEEDS = (SetAnchorDeed, SetStatusDeed, StartJourneyDeed, LeaveJourneyDeed)


class ActionSettings(NodeSettings):
    """What to do, in order."""

    do: tuple[Deed, ...] = Field(max_length=20, title="Do", json_schema_extra={"minItems": 1})

    @model_validator(mode="after")
    def _starts_one_journey(self) -> Self:
        if not self.do:
            raise PydanticCustomError("do", "An action does something: write at least one deed.")
        if sum(isinstance(deed, StartJourneyDeed) for deed in self.do) > 1:
            raise PydanticCustomError("do", "An action starts one journey: use another action for the next.")
        return self


@node_types.register
class Action(NodeType[ActionSettings]):
    """All deeds happen together with the step, or none of them."""

    type: ClassVar[str] = "action"
    title: ClassVar[str] = "Action"
    description: ClassVar[str] = "Change a client's record, make a task, start another journey"
    icon: ClassVar[str] = "square-check"
    settings_model = ActionSettings

    def texts(self, settings: ActionSettings) -> Iterable[tuple[str, str]]:
        """Check the texts of all deeds when the journey is published."""
        for number, deed in enumerate(settings.do):
            yield from ((f"do.{number}.{field}", source) for field, source in deed.texts())

    def expressions(self, settings: ActionSettings) -> Iterable[tuple[str, str]]:
        """Check the expressions of all deeds when the journey is published."""
        for number, deed in enumerate(settings.do):
            yield from ((f"do.{number}.{field}", source) for field, source in deed.expressions())

    def reads(self, settings: ActionSettings) -> Iterable[str]:
        """Read what the deeds read."""
        for deed in settings.do:
            yield from deed.reads()

    def journeys(self, settings: ActionSettings) -> Iterable[str]:
        """Name the other journeys, so that they are checked to be there when this one is published."""
        for deed in settings.do:
            if isinstance(deed, StartJourneyDeed | LeaveJourneyDeed):
                yield deed.journey

    def touches_wedding(self, settings: ActionSettings) -> bool:
        """Tell whether a deed changes the wedding's dates, or begins or ends another passage."""
        return any(isinstance(deed, _WEDDING_DEEDS) for deed in settings.do)

    def execute(self, context: StepContext[ActionSettings]) -> Outcome:
        """Ask for the changes; a value that has no answer for this couple is an error of its data."""
        changes: list[Change] = []
        try:
            for deed in context.settings.do:
                changes += _CHANGES[type(deed)](deed, context)
        except ExpressionError as error:
            return Fail(ErrorClass.USER, "value_unanswerable", str(error))
        return Advance(changes=tuple(changes))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _filled(value: Any, context: StepContext[Any]) -> Any:
    return context.render(value) if isinstance(value, str) else value


def _fields(deed: SetFieldsDeed, context: StepContext[Any]) -> list[Change]:
    return [SetField(name, _filled(value, context)) for name, value in deed.fields.items()]


def _anchor(deed: SetAnchorDeed, context: StepContext[Any]) -> list[Change]:
    if deed.offset:
        moved = due_day(deed.offset, deed.offset_from, facts=context.facts, now=context.now)
        if moved is None:
            raise ExpressionError(f"The date {deed.offset_from!r}, from which it counts, is not known.")
        return [SetAnchor(deed.name, moved)]
    written = context.evaluate(deed.expression) if deed.expression.strip() else deed.date
    if not written:
        return [SetAnchor(deed.name, None)]
    day = _day(written) if isinstance(written, str) else None
    if day is None:
        raise ExpressionError(f"The date for {deed.name!r} cannot be read: give year, month and day.")
    return [SetAnchor(deed.name, day)]


def _task(deed: CreateTaskDeed, context: StepContext[Any]) -> list[Change]:
    due = due_day(deed.due, deed.due_from, facts=context.facts, now=context.now)
    return [CreateTask(title=context.render(deed.title), note=context.render(deed.note), due=due)]


def _start(deed: StartJourneyDeed, context: StepContext[Any]) -> list[Change]:
    variables = {name: _filled(value, context) for name, value in deed.variables.items()}
    return [StartJourney(deed.journey, variables)]


#: How each kind of deed becomes changes.
_CHANGES: dict[type[_Deed], Callable[[Any, StepContext[Any]], list[Change]]] = {
    AddTagDeed: lambda deed, _: [AddTag(deed.tag)],
    RemoveTagDeed: lambda deed, _: [RemoveTag(deed.tag)],
    SetStatusDeed: lambda deed, _: [SetStatus(deed.status)],
    SetFieldDeed: lambda deed, context: [SetField(deed.name, deed.written(context))],
    SetFieldsDeed: _fields,
    IncrementDeed: lambda deed, _: [IncrementField(deed.name, deed.by)],
    SetVariableDeed: lambda deed, context: [SetVariable(deed.name, deed.written(context))],
    SetAnchorDeed: _anchor,
    CreateTaskDeed: _task,
    StartJourneyDeed: _start,
    LeaveJourneyDeed: lambda deed, _: [LeaveJourney(deed.journey)],
}
