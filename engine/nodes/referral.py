"""Referral: give a couple their own link, and know when a friend comes through it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from journeys.language.asking import Asking, AskSettings
from journeys.language.modules import Limits, Module, WeddingRule
from journeys.language.outcomes import Advance, Outcome, Purpose, StepContext
from journeys.language.registry import NodeType, node_types

TOPICS = ("referral", "wedding")

_OWN_LINK = re.compile(r"\{\{-?\s*referrals\.link\b")


class ReferralSettings(AskSettings):
    """How they are asked, and whether the step waits for a friend."""

    purpose: Purpose = Field(default="marketing", title="Purpose")
    body: str = Field(
        min_length=1,
        max_length=50_000,
        title="Letter",
        description="{{ referrals.link }} is the couple's own link.",
    )
    wait: bool = Field(default=False, title="Wait until a friend has written")

    @model_validator(mode="after")
    def _waits_for_what_it_ends(self) -> Self:
        self.check_waits(waits=self.wait)
        return self

    def check_texts(self) -> None:
        """Have a subject where one is needed, and the couple's own link in every text."""
        if self.channel == "email" and not self.subject.strip():
            raise PydanticCustomError("subject", "A letter needs a subject: write one.")
        translated = ((f"translations.{name}", one.body) for name, one in self.translations.items())
        for name, body in (("body", self.body), ("reminder_body", self.reminder_body), *translated):
            if body and not _OWN_LINK.search(body):
                reason = (
                    f"The text ({name}) lacks the couple's own link: put {{{{ referrals.link }}}} into it."
                )
                raise PydanticCustomError("link", "{reason}", {"reason": reason})


@node_types.register
class Referral(NodeType[ReferralSettings]):
    """The link is the couple's for good; the step goes on when somebody has written to the vendor through it."""

    type: ClassVar[str] = "referral"
    title: ClassVar[str] = "Referral"
    description: ClassVar[str] = "Give a personal link to pass on to friends"
    icon: ClassVar[str] = "users"
    settings_model = ReferralSettings
    outside: ClassVar[bool] = True
    module: ClassVar[Module | None] = Module(
        wedding_rules=(
            WeddingRule(
                "not_near_the_day",
                "Nobody is asked to recommend you in the three days before the wedding, nor on the day.",
                days=3,
            ),
            WeddingRule(
                "not_when_cancelled", "Nobody is asked to recommend you when the wedding is cancelled."
            ),
        ),
        limits=Limits(time_seconds=8.0, memory_mb=64, per_minute=300),
        target_ms=800,
    )

    def ports_of(self, settings: ReferralSettings) -> tuple[str, ...]:
        """Lead on by a second port where the wait has an end."""
        return ("next", "timeout") if settings.wait and settings.timeout is not None else ("next",)

    def texts(self, settings: ReferralSettings) -> Iterable[tuple[str, str]]:
        """Check every text when the journey is published."""
        return settings.all_texts()

    def reads(self, settings: ReferralSettings) -> Iterable[str]:
        """Read the couple's link, and who has come through it."""
        del settings
        return ("referrals", "wedding.status", "wedding.time_zone")

    def execute(self, context: StepContext[ReferralSettings]) -> Outcome:
        """Ask; go on at once, or when a friend has written since."""
        facts = context.facts.get("referrals", {})
        fact = facts.get("steps", {}).get(context.node_id, {})
        asking = Asking(context, context.settings, self.type, fact)
        asked_at = asking.asked_at
        if asked_at is not None and _friend_since(facts.get("last_lead_at"), asked_at):
            return Advance(output={"leads": facts.get("leads", 0)}, reason="A friend has written.")
        if context.facts.get("wedding", {}).get("status") == "cancelled":
            return Advance(reason="Skipped: the wedding is cancelled.", skipped=True)
        reason = "Waits until a friend has written through the couple's link."
        then = asking.wait(TOPICS, reason) if context.settings.wait else None
        if asked_at is None:
            return asking.ask(link="", then=then)
        if then is None:
            return Advance()
        if asking.is_over:
            return Advance(port="timeout", reason="No friend has written.")
        return asking.remind(link="", then=then) or then


def _friend_since(last: str | None, asked_at: datetime) -> bool:
    return bool(last) and datetime.fromisoformat(str(last)) >= asked_at
