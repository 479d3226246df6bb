"""SMS: send a text to people of the wedding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from journeys.language.modules import Limits, Module, WeddingRule
from journeys.language.outcomes import Deliver, Outcome, StepContext
from journeys.language.registry import NodeType, node_types
from journeys.language.sending import SendSettings

#: Ten segments of 153 characters, the most a provider joins reliably (GSM 03.38, concatenated).
MAX_CHARACTERS = 1530


class SmsSettings(SendSettings):
    """To whom, and what."""

    body: str = Field(min_length=1, max_length=MAX_CHARACTERS, title="Text")


@node_types.register
class Sms(NodeType[SmsSettings]):
    """One text for each person, in one step."""

    type: ClassVar[str] = "sms"
    title: ClassVar[str] = "Text"
    description: ClassVar[str] = "Send a text message"
    icon: ClassVar[str] = "message-square-text"
    settings_model = SmsSettings
    outside: ClassVar[bool] = True
    module: ClassVar[Module | None] = Module(
        limits=Limits(time_seconds=8, memory_mb=64, per_minute=1200),
        target_ms=800,
        wedding_rules=(
            WeddingRule(
                kind="not_near_the_day",
                days=3,
                purpose="marketing",
                says="No advertising text goes out from 3 days before the wedding until the day after.",
            ),
        ),
    )

    def texts(self, settings: SmsSettings) -> Iterable[tuple[str, str]]:
        """Check the text, in every language, when the journey is published."""
        yield "body", settings.body
        yield from settings.translated_texts()

    def execute(self, context: StepContext[SmsSettings]) -> Outcome:
        """Ask for the delivery."""
        settings = context.settings
        return Deliver(
            channel="sms",
            to=settings.to,
            subject="",
            body=settings.body,
            translations=settings.translated_words(),
            purpose=settings.purpose,
            when_in_doubt=settings.when_in_doubt,
        )
