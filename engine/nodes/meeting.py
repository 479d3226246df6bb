"""Meeting: let people choose a time, and see to it that the meeting is in everybody's calendar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from journeys.language.asking import Asking, AskSettings
from journeys.language.errors import ErrorClass
from journeys.language.modules import Limits, Module, WeddingRule
from journeys.language.outcomes import Advance, Deliver, Fail, Outcome, StepContext, WaitFor
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import OffsetText

TOPICS = ("meeting", "wedding")


class MeetingSettings(AskSettings):
    """Which meeting, until when the step waits, and what follows from it."""

    meeting: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$", title="Meeting", description="The key of one of your meetings."
    )
    wait_for: Literal["booked", "held", "nothing"] = Field(default="booked", title="Go on when it is")
    anchor: str = Field(
        default="",
        pattern=r"^([a-z][a-z0-9_]{0,39})?$",
        title="Date of the wedding that follows it",
        description="Steps can hang on this date; it is set, moved and taken away with the meeting.",
    )
    remind_before: tuple[OffsetText, ...] = Field(
        default=("1d",), max_length=5, title="Remind before the meeting"
    )

    @model_validator(mode="after")
    def _waits_for_what_it_ends(self) -> Self:
        self.check_waits(waits=self.wait_for != "nothing")
        return self

    @field_validator("anchor")
    @classmethod
    def _is_not_the_day_itself(cls, value: str) -> str:
        if value == "wedding":
            raise PydanticCustomError(
                "anchor", "The wedding's own date can not follow a meeting: name another."
            )
        return value


@node_types.register
class Meeting(NodeType[MeetingSettings]):
    """The letter leads to a page with free times; what is booked there is told to everybody with an invitation."""

    type: ClassVar[str] = "meeting"
    title: ClassVar[str] = "Meeting"
    description: ClassVar[str] = "Offer times, book one, remind of it"
    icon: ClassVar[str] = "calendar"
    settings_model = MeetingSettings
    outside: ClassVar[bool] = True
    link: ClassVar[str] = "meeting"
    module: ClassVar[Module | None] = Module(
        wedding_rules=(
            WeddingRule(
                "any_day", "Times are offered on any day, and never on the day of a wedding of yours."
            ),
            WeddingRule(
                "not_when_cancelled", "Nobody is asked to a meeting about a wedding that is cancelled."
            ),
        ),
        limits=Limits(time_seconds=8.0, memory_mb=64, per_minute=300),
        target_ms=800,
    )

    def ports_of(self, settings: MeetingSettings) -> tuple[str, ...]:
        """Lead on by a second port where the wait has an end."""
        waits = settings.timeout is not None and settings.wait_for != "nothing"
        return ("next", "timeout") if waits else ("next",)

    def texts(self, settings: MeetingSettings) -> Iterable[tuple[str, str]]:
        """Check every text when the journey is published."""
        return settings.all_texts()

    def reads(self, settings: MeetingSettings) -> Iterable[str]:
        """Read how far the asking has come."""
        del settings
        return ("meetings", "wedding.status", "wedding.time_zone")

    def execute(self, context: StepContext[MeetingSettings]) -> Outcome:
        """Ask, wait, remind; go on when the meeting is booked, or held."""
        settings = context.settings
        fact = context.facts.get("meetings", {}).get(context.node_id, {})
        asking = Asking(context, settings, self.type, fact)
        booked = _booked(asking, context, settings)
        if booked is not None:
            return booked
        if context.facts.get("wedding", {}).get("status") == "cancelled":
            return Advance(reason="Skipped: the wedding is cancelled.", skipped=True)
        if not fact.get("offered", True):
            return Fail(
                ErrorClass.PERMANENT,
                "no_such_meeting",
                f"You offer no meeting {settings.meeting!r}: add it, or switch it on, and retry.",
            )
        reason = "Waits until a time for the meeting is chosen."
        then = None if settings.wait_for == "nothing" else asking.wait(TOPICS, reason)
        if asking.asked_at is None:
            return asking.ask(link="meeting", then=then)
        if asking.is_over and then is not None:
            return Advance(port="timeout", reason="No time was chosen.")
        return _go_on(asking, then)


def _go_on(asking: Asking, then: WaitFor | None) -> Deliver | Advance | WaitFor:
    return Advance() if then is None else asking.remind(link="meeting", then=then) or then


def _booked(
    asking: Asking, context: StepContext[MeetingSettings], settings: MeetingSettings
) -> Advance | WaitFor | None:
    """Answer where a time is chosen already; None where none is."""
    fact = asking.fact
    if not asking.is_here or fact.get("status") not in {"booked", "held", "missed"}:
        return None
    output = _output(fact)
    if settings.wait_for != "held":
        return Advance(output=output, reason="A time for the meeting is chosen.")
    ends_at = datetime.fromisoformat(fact["ends_at"])
    if fact["status"] == "missed":
        return Advance(output=output, reason="Nobody came to the meeting.")
    if ends_at <= context.now:
        return Advance(output=output, reason="The meeting has taken place.")
    return WaitFor(
        topics=TOPICS, reason="Waits until the meeting has taken place.", recheck=ends_at - context.now
    )


def _output(fact: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fact.get(name) for name in ("meeting", "status", "starts_at", "ends_at", "where")}
