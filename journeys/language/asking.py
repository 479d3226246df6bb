"""Steps that ask people for something and wait for it: the letter, the reminders, and until when at most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from .calendar import Calendar, due_of
from .links import check_words
from .outcomes import Asked, Channel, Deliver, StepContext, WaitFor
from .sending import SendSettings
from .settings import DurationTiming, OffsetText, Timing

#: The sending's `part` of each reminder.
REMINDER = "reminder_"
#: A reminder that is due sooner than this is due now: what is left is the queue's own delay.
SOON = timedelta(seconds=1)


class AskSettings(SendSettings):
    """By which way the link goes, in which words, and when to remind."""

    channel: Channel = Field(default="email", title="By")
    subject: str = Field(default="", max_length=500, title="Subject", description="Only for e-mail.")
    body: str = Field(
        min_length=1, max_length=50_000, title="Letter", description="{{ link }} is the address of the page."
    )
    remind: tuple[OffsetText, ...] = Field(
        default=(), max_length=5, title="Remind after", description="Counted from the asking, each once."
    )
    reminder_subject: str = Field(
        default="", max_length=500, title="Subject of a reminder", description="Empty: the letter's own."
    )
    reminder_body: str = Field(
        default="", max_length=50_000, title="Reminder", description="Empty: the letter again."
    )
    timeout: Timing | None = Field(
        default=None, title="Until at most", description="Leaves by the port timeout then."
    )

    @model_validator(mode="after")
    def _says_where_to_go(self) -> Self:
        self.check_texts()
        return self

    def check_waits(self, *, waits: bool) -> None:
        """Refuse reminders and an end of the wait in a step that does not wait.

        Raises:
            PydanticCustomError: what to leave out.
        """
        if not waits and (self.timeout is not None or (self.remind and "remind" in self.model_fields_set)):
            raise PydanticCustomError(
                "wait", "Only a step that waits can remind or end its wait: leave remind and timeout out."
            )

    def check_texts(self) -> None:
        """Have a subject where one is needed, and the link in every text.

        Raises:
            PydanticCustomError: what is missing and what to do.
        """
        bodies = [("body", self.body), ("reminder_body", self.reminder_body)]
        check_words(self, channel=self.channel, subject=self.subject, bodies=bodies)

    def all_texts(self) -> Iterable[tuple[str, str]]:
        """Give every text that is sent, by the name of its field."""
        for name in ("subject", "body", "reminder_subject", "reminder_body"):
            if source := getattr(self, name):
                yield name, source
        yield from self.translated_texts()


@dataclass(frozen=True, slots=True)
class Asking:
    """How far a step's asking has come, and what follows from that; built anew whenever the step is asked.

    `fact` is what the facts hold about the step. It counts only where it tells of the same passage of the token.
    """

    context: StepContext[Any]
    settings: AskSettings
    kind: str
    fact: Mapping[str, Any]

    @property
    def is_here(self) -> bool:
        """Tell whether the fact is about this place, and not about an earlier round."""
        mine = (self.context.branch, self.context.visit)
        return (self.fact.get("branch", ""), self.fact.get("visit")) == mine

    @property
    def asked_at(self) -> datetime | None:
        """When the letter went out; None while it has not."""
        text = self.fact.get("asked_at") if self.is_here else None
        return datetime.fromisoformat(text) if text else None

    @property
    def is_over(self) -> bool:
        """Tell whether the time for an answer has passed."""
        waiting, timeout = self.context.waiting, self.settings.timeout
        if timeout is None or self.asked_at is None:
            return False
        if isinstance(timeout, DurationTiming):
            # A wait may have begun before the letter went out, for a date or an approval; this one counts from it.
            return self._after(timeout) <= self.context.now
        return waiting is not None and waiting.timed_out

    def ask(self, *, link: str, then: WaitFor | None) -> Deliver:
        """Answer with the letter."""
        return self._letter(number=0, link=link, then=then)

    def remind(self, *, link: str, then: WaitFor | None) -> Deliver | None:
        """Answer with the reminder that is due; None when none is. Of several missed ones, the last goes out."""
        due = [number for number, moment in self._reminders() if moment <= self.context.now + SOON]
        return self._letter(number=max(due), link=link, then=then) if due else None

    def wait(self, topics: tuple[str, ...], reason: str) -> WaitFor:
        """Answer that the step goes on waiting, and looks again when a reminder or the end of the time is due."""
        timeout = self.settings.timeout
        moments = [moment for _, moment in self._reminders()]
        if isinstance(timeout, DurationTiming) and self.asked_at is not None:
            moments.append(self._after(timeout))
        ahead = [moment - self.context.now for moment in moments if moment > self.context.now]
        return WaitFor(
            topics=topics,
            reason=reason,
            timeout=None if isinstance(timeout, DurationTiming) else timeout,
            recheck=min(ahead, default=None),
        )

    def _reminders(self) -> list[tuple[int, datetime]]:
        """Give number and moment of every reminder that has not gone out yet."""
        sent = int(self.fact.get("reminders") or 0)
        if self.asked_at is None:
            return []
        return [
            (number, self._after(DurationTiming.model_validate({"for": offset})))
            for number, offset in enumerate(self.settings.remind, start=1)
            if number > sent
        ]

    def _after(self, timing: DurationTiming) -> datetime:
        zone = str(self.context.facts.get("wedding", {}).get("time_zone") or "UTC")
        due = due_of(timing, calendar=Calendar({}, zone, zone), reached=self.asked_at or self.context.now)
        return due.instant or self.context.now

    def _letter(self, *, number: int, link: str, then: WaitFor | None) -> Deliver:
        settings = self.settings
        other_words = number > 0 and bool(settings.reminder_body)
        return Deliver(
            channel=settings.channel,
            to=settings.to,
            subject=(settings.reminder_subject if number else "") or settings.subject,
            body=settings.reminder_body if other_words else settings.body,
            translations={} if other_words else settings.translated_words(),
            purpose=settings.purpose,
            when_in_doubt=settings.when_in_doubt,
            link=link,
            part=f"{REMINDER}{number}" if number else "",
            then=then,
            changes=(Asked(self.kind, number),),
        )
