"""Review: ask for one after the day, remind once, and stop as soon as it is written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import ClassVar, Self

from pydantic import Field, model_validator

from journeys.language.asking import Asking, AskSettings
from journeys.language.calendar import local_instant
from journeys.language.errors import ErrorClass
from journeys.language.modules import Limits, Module, WeddingRule
from journeys.language.outcomes import Advance, Fail, Outcome, Purpose, StepContext, WaitFor
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import OffsetText

TOPICS = ("review", "event:review_received", "wedding")


class ReviewSettings(AskSettings):
    """How it is asked for, and whether the step waits until it is written."""

    purpose: Purpose = Field(default="marketing", title="Purpose")
    remind: tuple[OffsetText, ...] = Field(
        default=("7d",), max_length=1, title="Remind after", description="Once, or not at all."
    )
    wait: bool = Field(default=True, title="Wait until it is written")

    @model_validator(mode="after")
    def _waits_for_what_it_ends(self) -> Self:
        self.check_waits(waits=self.wait)
        return self


@node_types.register
class Review(NodeType[ReviewSettings]):
    """Never before the wedding day is over, and never for a wedding that is cancelled, whatever the journey says."""

    type: ClassVar[str] = "review"
    title: ClassVar[str] = "Review"
    description: ClassVar[str] = "Ask for a review, remind once, stop when it is written"
    icon: ClassVar[str] = "star"
    settings_model = ReviewSettings
    outside: ClassVar[bool] = True
    link: ClassVar[str] = "review"
    module: ClassVar[Module | None] = Module(
        wedding_rules=(
            WeddingRule("not_before_the_day", "A review is never asked for before the day is over."),
            WeddingRule("not_when_cancelled", "A review is never asked for when the wedding is cancelled."),
        ),
        limits=Limits(time_seconds=8.0, memory_mb=64, per_minute=300),
        target_ms=800,
    )

    def ports_of(self, settings: ReviewSettings) -> tuple[str, ...]:
        """Lead on by a second port where the wait has an end."""
        return ("next", "timeout") if settings.wait and settings.timeout is not None else ("next",)

    def texts(self, settings: ReviewSettings) -> Iterable[tuple[str, str]]:
        """Check every text when the journey is published."""
        return settings.all_texts()

    def reads(self, settings: ReviewSettings) -> Iterable[str]:
        """Read the wedding's day and how far the asking has come."""
        del settings
        return ("reviews", "wedding.status", "wedding.date", "wedding.time_zone")

    def execute(self, context: StepContext[ReviewSettings]) -> Outcome:
        """Ask when the day is over; go on when the review is written."""
        fact = context.facts.get("reviews", {}).get(context.node_id, {})
        asking = Asking(context, context.settings, self.type, fact)
        if context.facts.get("wedding", {}).get("status") == "cancelled":
            return Advance(
                reason="Skipped: the wedding is cancelled, so no review is asked for.", skipped=True
            )
        if asking.is_here and fact.get("done"):
            return Advance(
                output={"site": fact.get("site"), "rating": fact.get("rating")}, reason="It is written."
            )
        if asking.asked_at is None and fact.get("written"):
            return Advance(reason="Skipped: they have written a review already.", skipped=True)
        too_early = _before_the_day_is_over(context)
        return too_early if too_early is not None else _asked_for(asking, wait=context.settings.wait)


def _asked_for(asking: Asking, *, wait: bool) -> Outcome:
    """Ask, or remind, or go on."""
    if not asking.fact.get("offered", True):
        return Fail(
            ErrorClass.PERMANENT,
            "no_review_links",
            "You have named no page where a review can be written: add its address, and retry.",
        )
    then = asking.wait(TOPICS, "Waits until the review is written.") if wait else None
    if asking.asked_at is None:
        return asking.ask(link="review", then=then)
    if then is None:
        return Advance()
    if asking.is_over:
        return Advance(port="timeout", reason="No review was written.")
    return asking.remind(link="review", then=then) or then


def _before_the_day_is_over(context: StepContext[ReviewSettings]) -> WaitFor | None:
    """Wait for a day that is not over yet, or not known; None once it is."""
    wedding = context.facts.get("wedding", {})
    if not wedding.get("date"):
        return WaitFor(topics=TOPICS, reason="Waits until the wedding has a date, and for the day after it.")
    after = date.fromisoformat(wedding["date"]) + timedelta(days=1)
    over: datetime = local_instant(after, time(), wedding.get("time_zone") or "UTC")
    if over <= context.now:
        return None
    return WaitFor(topics=TOPICS, reason="Waits until the wedding day is over.", recheck=over - context.now)
