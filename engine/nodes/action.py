"""Action: change what is written down about a client, or give the vendor a task."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from journeys.language.calendar import BusinessCalendar, Offset
from journeys.language.outcomes import (
    AddTag,
    Advance,
    Change,
    CreateTask,
    Outcome,
    RemoveTag,
    SetField,
    SetStatus,
    StepContext,
)
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings, OffsetText


class _Deed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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


class SetFieldDeed(_Deed):
    """Write one of the client's own fields; a text may hold variables."""

    kind: Literal["set_field"]
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    value: str | int | float | bool | None


class CreateTaskDeed(_Deed):
    """Put a task on the vendor's list."""

    kind: Literal["create_task"]
    title: str = Field(min_length=1, max_length=200)
    note: str = Field(default="", max_length=5000)
    due: OffsetText | None = None


Deed = Annotated[
    AddTagDeed | RemoveTagDeed | SetStatusDeed | SetFieldDeed | CreateTaskDeed, Field(discriminator="kind")
]


class ActionSettings(NodeSettings):
    """What to do, in order."""

    do: tuple[Deed, ...] = Field(min_length=1, max_length=20, title="Do")


@node_types.register
class Action(NodeType[ActionSettings]):
    """All deeds happen together with the step, or none of them."""

    type: ClassVar[str] = "action"
    title: ClassVar[str] = "Action"
    description: ClassVar[str] = "Change a client's record, or make a task"
    icon: ClassVar[str] = "square-check"
    settings_model = ActionSettings

    def texts(self, settings: ActionSettings) -> Iterable[tuple[str, str]]:
        """Check the texts of tasks and fields when the journey is published."""
        for number, deed in enumerate(settings.do):
            if isinstance(deed, CreateTaskDeed):
                yield f"do.{number}.title", deed.title
                yield f"do.{number}.note", deed.note
            elif isinstance(deed, SetFieldDeed) and isinstance(deed.value, str):
                yield f"do.{number}.value", deed.value

    def execute(self, context: StepContext[ActionSettings]) -> Outcome:
        """Ask for the changes."""
        return Advance(changes=tuple(_change(deed, context) for deed in context.settings.do))


def _change(deed: Deed, context: StepContext[Any]) -> Change:
    if isinstance(deed, AddTagDeed):
        return AddTag(deed.tag)
    if isinstance(deed, RemoveTagDeed):
        return RemoveTag(deed.tag)
    if isinstance(deed, SetStatusDeed):
        return SetStatus(deed.status)
    if isinstance(deed, SetFieldDeed):
        value = context.render(deed.value) if isinstance(deed.value, str) else deed.value
        return SetField(deed.name, value)
    due = (
        Offset.parse(deed.due).add_to_date(context.now.date(), business=BusinessCalendar())
        if deed.due
        else None
    )
    return CreateTask(title=context.render(deed.title), note=context.render(deed.note), due=due)
