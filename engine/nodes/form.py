"""Form: ask the couple something, and wait for the answer if told to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from journeys.language.calendar import Calendar
from journeys.language.links import check_words
from journeys.language.modules import Limits, Module, WeddingRule
from journeys.language.outcomes import Advance, Deliver, Outcome, SetVariable, StepContext, WaitFor
from journeys.language.registry import NodeType, node_types
from journeys.language.sending import SendSettings
from journeys.language.settings import DurationTiming, OffsetText, Timing
from journeys.language.timing import due_of

#: A step looks again no sooner than this, whatever a reminder's offset says.
SHORTEST_LOOK = timedelta(minutes=1)

VariableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class FormSettings(SendSettings):
    """Which form, to whom, and what follows from the answer."""

    form: str = Field(pattern=r"^[a-z][a-z0-9_]{0,59}$", title="Form", description="The form's key.")
    channel: Literal["email", "sms"] = Field(default="email", title="By")
    subject: str = Field(default="", max_length=500, title="Subject")
    body: str = Field(
        min_length=1, max_length=50_000, title="Letter", description="{{ link }} is the form's address."
    )
    wait: bool = Field(default=True, title="Wait for the answer")
    timeout: Timing | None = Field(default=None, title="Until when at most")
    remind: tuple[OffsetText, ...] = Field(
        default=(), max_length=5, title="Remind after", description="Counted from the asking: 3d, 7d."
    )
    reminder_subject: str = Field(default="", max_length=500, title="Reminder's subject")
    reminder_body: str = Field(
        default="", max_length=50_000, title="Reminder", description="Empty: the same letter again."
    )
    save: dict[VariableName, FieldName] = Field(
        default_factory=dict,
        title="Keep as variables",
        description="Variable by variable, the question's name.",
    )

    @model_validator(mode="after")
    def _leads_to_the_form(self) -> Self:
        bodies = [("body", self.body), ("reminder_body", self.reminder_body)]
        check_words(self, channel=self.channel, subject=self.subject, bodies=bodies)
        return self

    @model_validator(mode="after")
    def _waits_for_what_it_uses(self) -> Self:
        if not self.wait and (self.timeout or self.remind or self.save):
            raise PydanticCustomError(
                "wait", "Only a step that waits for the answer can remind, keep it or end its wait."
            )
        return self


@node_types.register
class Form(NodeType[FormSettings]):
    """One request for each passage through the step: whoever of the couple answers first answers it."""

    type: ClassVar[str] = "form"
    title: ClassVar[str] = "Form"
    description: ClassVar[str] = "Ask the couple something, and wait for the answer"
    icon: ClassVar[str] = "clipboard-list"
    settings_model = FormSettings
    outside: ClassVar[bool] = True
    link: ClassVar[str] = "form"
    module: ClassVar[Module | None] = Module(
        limits=Limits(time_seconds=8, memory_mb=64, per_minute=1200),
        target_ms=800,
        wedding_rules=(
            WeddingRule(
                kind="not_near_the_day",
                days=0,
                says="Nobody is asked to fill in a form on the wedding day itself.",
            ),
        ),
    )

    def ports_of(self, settings: FormSettings) -> tuple[str, ...]:
        """Lead somewhere when nobody answers in time."""
        return ("next", "timeout") if settings.timeout else ("next",)

    def texts(self, settings: FormSettings) -> Iterable[tuple[str, str]]:
        """Check all words when the journey is published."""
        for name in ("subject", "body", "reminder_subject", "reminder_body"):
            if source := getattr(settings, name):
                yield name, source
        yield from settings.translated_texts()

    def reads(self, settings: FormSettings) -> Iterable[str]:
        """Look at the request itself, at the zone that its reminders are counted in, and at what it writes."""
        return ("answers", "wedding.time_zone", *(f"variables.{name}" for name in settings.save))

    def execute(self, context: StepContext[FormSettings]) -> Outcome:
        """Ask, remind, or go on with the answer."""
        settings, request = context.settings, _request(context)
        if settings.wait and request.get("answered"):
            return _answered(settings, request)
        if context.waiting is None:
            return _ask(settings, then=_wait(context, since=context.now) if settings.wait else None)
        if context.waiting.timed_out:
            return Advance(port="timeout", output={"answered": False}, reason="Nobody has answered in time.")
        since = context.waiting.since
        due = [number for number, at in _reminders(context, since=since) if at <= context.now]
        if due and due[-1] > int(request.get("reminders", 0)):
            return _ask(settings, then=_wait(context, since=since), reminder=due[-1])
        return _wait(context, since=since)


def _request(context: StepContext[FormSettings]) -> Mapping[str, Any]:
    """Give what is known of this request; an earlier round of a loop was another one."""
    found = (context.facts.get("answers") or {}).get(context.node_id) or {}
    return found if found.get("visit", context.visit) == context.visit else {}


def _answered(settings: FormSettings, request: Mapping[str, Any]) -> Outcome:
    answers = request.get("values") or {}
    return Advance(
        output={"answered": True, "answers": answers, "by": request.get("by", "")},
        changes=tuple(
            SetVariable(variable, answers[name])
            for variable, name in settings.save.items()
            if answers.get(name) is not None
        ),
    )


def _ask(settings: FormSettings, *, then: WaitFor | None, reminder: int = 0) -> Deliver:
    other_words = reminder > 0 and bool(settings.reminder_body)
    return Deliver(
        channel=settings.channel,
        to=settings.to,
        subject=(reminder > 0 and settings.reminder_subject) or settings.subject,
        body=settings.reminder_body if other_words else settings.body,
        translations={} if other_words else settings.translated_words(),
        purpose=settings.purpose,
        when_in_doubt=settings.when_in_doubt,
        link="form",
        part=f"reminder_{reminder}" if reminder else "",
        then=then,
    )


def _wait(context: StepContext[FormSettings], *, since: datetime) -> WaitFor:
    ahead = [at - context.now for _, at in _reminders(context, since=since) if at > context.now]
    return WaitFor(
        topics=("form", "event:form_submitted"),
        reason="Waits until the form is answered.",
        timeout=context.settings.timeout,
        recheck=max(min(ahead), SHORTEST_LOOK) if ahead else None,
    )


def _reminders(context: StepContext[FormSettings], *, since: datetime) -> list[tuple[int, datetime]]:
    """Give (number, instant) of every reminder, in the order of time."""
    zone = str((context.facts.get("wedding") or {}).get("time_zone") or "UTC")
    calendar = Calendar(anchors={}, wedding_zone=zone, vendor_zone=zone)
    moments = [
        at
        for offset in context.settings.remind
        if (at := due_of(DurationTiming(for_=offset), calendar=calendar, reached=since).instant) is not None
    ]
    return list(enumerate(sorted(moments), start=1))
