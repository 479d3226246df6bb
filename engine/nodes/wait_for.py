"""Wait for an event: a form that is answered, a payment, a message that is opened, a change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from journeys.language.errors import ErrorClass, ExpressionError
from journeys.language.outcomes import Advance, Fail, Outcome, StepContext, WaitFor
from journeys.language.registry import NodeType, node_types, trigger_types
from journeys.language.settings import NodeSettings, Timing

#: What can be heard of a message, and the fact that tells it.
MESSAGE_EVENTS: Mapping[str, str] = {
    "message_delivered": "delivered",
    "message_opened": "opened",
    "message_clicked": "clicked",
    "message_answered": "replied",
    "message_bounced": "bounced",
}
#: What the journal of deeds knows, and the topic that wakes for it.
RECORDED_EVENTS: Mapping[str, str] = {"client_changed": "client", "wedding_moved": "wedding"}

#: How sentences name the events that are no triggers.
_SAID: Mapping[str, str] = {
    "message_delivered": "a message is delivered",
    "message_opened": "a message is opened",
    "message_clicked": "a link in a message is clicked",
    "message_answered": "a message is answered",
    "message_bounced": "a message comes back",
    "client_changed": "the client is changed",
    "wedding_moved": "the wedding's dates are changed",
}


def event_names() -> list[str]:
    """Return every event that can be waited for, sorted."""
    return sorted({*MESSAGE_EVENTS, *RECORDED_EVENTS, *trigger_types.types()})


class WaitForSettings(NodeSettings):
    """Which event, from when on, and for how long at most."""

    event: str = Field(
        min_length=1, max_length=40, title="Event", description="form_submitted, message_opened, …"
    )
    topic: str = Field(
        default="",
        max_length=60,
        title="About",
        description="The form, the kind of payment, the name of the webhook. Empty: any.",
    )
    step: str = Field(
        default="",
        max_length=64,
        title="Message of",
        description="For messages: the step. Empty: any step's.",
    )
    where: str = Field(default="", max_length=2000, title="Only when", description="An expression.")
    since: Literal["reached", "journey_start", "ever"] = Field(
        default="journey_start",
        title="Counts from",
        description="An event from before this step is reached counts, too, unless this says reached.",
    )
    timeout: Timing | None = Field(default=None, title="At most until")

    @field_validator("event")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in event_names():
            reason = f"There is no event {value!r}. Choose one of: {', '.join(event_names())}."
            raise PydanticCustomError("event", "{reason}", {"reason": reason})
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        is_message = self.event in MESSAGE_EVENTS
        if self.step and not is_message:
            raise PydanticCustomError("step", "Only messages belong to a step: leave the step out here.")
        if self.topic and is_message:
            raise PydanticCustomError("topic", "Messages are chosen by their step: leave the topic out here.")
        return self


@node_types.register
class WaitForEvent(NodeType[WaitForSettings]):
    """Goes on by `next` when the event is there, by `timeout` when it is not there in time."""

    type: ClassVar[str] = "wait_for"
    title: ClassVar[str] = "Wait for an event"
    description: ClassVar[str] = "Until a form is answered, a payment arrives, a message is opened"
    icon: ClassVar[str] = "clock"
    settings_model = WaitForSettings

    def ports_of(self, settings: WaitForSettings) -> tuple[str, ...]:
        """Have a second way out, `timeout`, where there is a longest time."""
        return ("next", "timeout") if settings.timeout else ("next",)

    def expressions(self, settings: WaitForSettings) -> Iterable[tuple[str, str]]:
        """Check the filter when the journey is published."""
        if settings.where.strip():
            yield "where", settings.where

    def reads(self, settings: WaitForSettings) -> Iterable[str]:
        """Read the event's own facts, and from when on it counts."""
        if settings.event in MESSAGE_EVENTS:
            yield f"messages.{settings.step}" if settings.step else "messages"
            return
        yield f"events.{settings.event}"
        if settings.since == "journey_start":
            yield from ("journey.started_at", "journey.event")

    def execute(self, context: StepContext[WaitForSettings]) -> Outcome:
        """Look whether it has happened; what has happened goes before a time-out that has passed."""
        settings, waiting = context.settings, context.waiting
        happened = _happened(context)
        unanswered = ""
        if happened is not None:
            try:
                holds = context.evaluate(settings.where) if settings.where.strip() else True
            except ExpressionError as error:
                holds, unanswered = False, f" {error}"
            if not isinstance(holds, bool):
                message = "The filter gives no true or false: compare it with something."
                return Fail(ErrorClass.PERMANENT, "condition_not_yes_or_no", message)
            if holds:
                return Advance(
                    output=happened, reason=f"{_sentence(settings)[:1].upper()}{_sentence(settings)[1:]}."
                )
        if waiting is not None and waiting.timed_out:
            return Advance("timeout", output={"event": ""}, reason=f"Not in time: {_sentence(settings)}.")
        reason = f"Waits until {_sentence(settings)}.{unanswered}"
        return WaitFor((topic_of(settings.event),), reason[:300], settings.timeout)


def topic_of(event: str) -> str:
    """Return the topic that is woken when such an event is there."""
    if event in MESSAGE_EVENTS:
        return "message"
    return RECORDED_EVENTS.get(event, f"event:{event}")


def _sentence(settings: WaitForSettings) -> str:
    event = settings.event
    if event in _SAID:
        return _SAID[event] + (f" ({settings.step})" if settings.step else "")
    title = trigger_types.get(event).title
    return title[:1].lower() + title[1:] + (f" ({settings.topic})" if settings.topic else "")


def _happened(context: StepContext[WaitForSettings]) -> dict[str, Any] | None:
    """Return what the step notes down about the event, None when it has not happened since it counts."""
    settings, facts = context.settings, context.facts
    if settings.event in MESSAGE_EVENTS:
        return _heard(settings, facts.get("messages") or {})
    found = (facts.get("events") or {}).get(settings.event)
    if found and settings.topic:
        found = found["topics"].get(settings.topic)
    if not found:
        return None
    at = datetime.fromisoformat(found["at"])
    if settings.since == "reached":
        counts = at >= (context.waiting.since if context.waiting else context.reached or context.now)
    elif settings.since == "journey_start":
        journey = facts["journey"]
        # The event that began the journey is not the one it waits for.
        counts = at >= datetime.fromisoformat(journey["started_at"]) and found["id"] != journey["event"]
    else:
        counts = True
    if not counts:
        return None
    return {"event": settings.event, "topic": found["topic"], "at": found["at"], "payload": found["payload"]}


def _heard(settings: WaitForSettings, messages: Mapping[str, Any]) -> dict[str, Any] | None:
    fact = MESSAGE_EVENTS[settings.event]
    for step in [settings.step] if settings.step else sorted(messages):
        if (messages.get(step) or {}).get(fact):
            return {"event": settings.event, "step": step}
    return None
