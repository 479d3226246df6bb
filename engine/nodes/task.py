"""Task: something a person does, waited for or not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from journeys.language.calendar import BusinessCalendar, Offset, local_time
from journeys.language.outcomes import Advance, CreateTask, Outcome, StepContext, WaitFor
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings, OffsetText, Timing

#: Ways out that mean something else.
_TAKEN = frozenset({"next", "error", "timeout"})
#: Counts from the day on which the step is carried out.
TODAY = "today"

Choice = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


def due_day(
    offset: str | None, day: str, *, facts: Any, now: datetime, zone: str | None = None
) -> date | None:
    """Return the day so long after today or one of the couple's dates; None without an offset or that date."""
    if offset is None:
        return None
    if day == TODAY:
        start = local_time(now, zone or facts.get("wedding", {}).get("time_zone") or "UTC").date()
    else:
        written = facts.get("wedding", {}).get("anchors", {}).get(day)
        if not written:
            return None
        start = date.fromisoformat(written)
    return Offset.parse(offset).add_to_date(start, business=BusinessCalendar())


class TaskSettings(NodeSettings):
    """What is to be done, by when, and whether the journey waits for it."""

    title: str = Field(min_length=1, max_length=200, title="Title")
    note: str = Field(default="", max_length=5000, title="Note")
    due: OffsetText | None = Field(default=None, title="Due", description="So long from the day below.")
    due_from: str = Field(
        default=TODAY,
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        title="Due from",
        description="today, or the name of one of the couple's dates.",
    )
    wait: bool = Field(default=True, title="Wait until it is done")
    choices: tuple[Choice, ...] = Field(
        default=(), max_length=8, title="Ways it can come out", description="Each is a way out of the step."
    )
    timeout: Timing | None = Field(default=None, title="At most until")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.wait and (self.choices or self.timeout):
            reason = (
                "A task that nobody waits for has no choices and no longest time: take them out, or wait."
            )
            raise PydanticCustomError("wait", "{reason}", {"reason": reason})
        if len(self.choices) == 1 or len(set(self.choices)) < len(self.choices) or _TAKEN & set(self.choices):
            reason = "Write at least two choices, each once; next, error and timeout mean something else."
            raise PydanticCustomError("choices", "{reason}", {"reason": reason})
        return self


@node_types.register
class TaskStep(NodeType[TaskSettings]):
    """Puts a task on the vendor's list; goes on when it is done, by what was chosen."""

    type: ClassVar[str] = "task"
    title: ClassVar[str] = "Task"
    description: ClassVar[str] = "Something you do by hand"
    icon: ClassVar[str] = "list-checks"
    settings_model = TaskSettings

    def ports_of(self, settings: TaskSettings) -> tuple[str, ...]:
        """Have a way out for each choice, and `timeout` where there is a longest time."""
        return (*(settings.choices or ("next",)), *(("timeout",) if settings.timeout else ()))

    def texts(self, settings: TaskSettings) -> Iterable[tuple[str, str]]:
        """Check both texts when the journey is published."""
        yield "title", settings.title
        yield "note", settings.note

    def reads(self, settings: TaskSettings) -> Iterable[str]:
        """Read the tasks, and the day that the due day counts from."""
        yield "tasks"
        if settings.due:
            yield (
                "wedding.time_zone" if settings.due_from == TODAY else f"wedding.anchors.{settings.due_from}"
            )

    def execute(self, context: StepContext[TaskSettings]) -> Outcome:
        """Ask for the task once; look at it as long as the step waits."""
        settings, waiting = context.settings, context.waiting
        if waiting is None:
            task = CreateTask(
                title=context.render(settings.title),
                note=context.render(settings.note),
                due=due_day(settings.due, settings.due_from, facts=context.facts, now=context.now),
                choices=settings.choices,
            )
            if not settings.wait:
                return Advance(changes=(task,))
            return WaitFor(("task",), "Waits until the task is done.", settings.timeout, changes=(task,))
        found = context.own(context.facts["tasks"])
        if found.get("status") == "done":
            choice = found["choice"]
            port = choice if choice in settings.choices else (*settings.choices, "next")[0]
            return Advance(
                port, output={"choice": choice, "done_at": found["done_at"]}, reason="The task is done."
            )
        if waiting.timed_out:
            return Advance("timeout", output={"choice": ""}, reason="The task was not done in time.")
        return WaitFor(("task",), "Waits until the task is done.", settings.timeout)
