"""E-mail: write to people of the wedding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from journeys.language.modules import Limits, Module, WeddingRule
from journeys.language.outcomes import Deliver, Outcome, StepContext
from journeys.language.registry import NodeType, node_types
from journeys.language.sending import SendSettings


class EmailSettings(SendSettings):
    """To whom, and what."""

    subject: str = Field(min_length=1, max_length=500, title="Subject")
    body: str = Field(min_length=1, max_length=50_000, title="Letter", description="Markdown with variables.")
    short: str = Field(
        default="",
        max_length=1530,
        title="For people who would rather get a text",
        description="Empty: everybody gets the letter.",
    )


@node_types.register
class Email(NodeType[EmailSettings]):
    """One copy for each person, in one step."""

    type: ClassVar[str] = "email"
    title: ClassVar[str] = "E-mail"
    description: ClassVar[str] = "Write an e-mail"
    icon: ClassVar[str] = "mail"
    settings_model = EmailSettings
    outside: ClassVar[bool] = True
    module: ClassVar[Module | None] = Module(
        limits=Limits(time_seconds=8, memory_mb=64, per_minute=6000),
        target_ms=500,
        wedding_rules=(
            WeddingRule(
                kind="not_near_the_day",
                days=3,
                purpose="marketing",
                says="No advertising letter goes out from 3 days before the wedding until the day after.",
            ),
        ),
    )

    def texts(self, settings: EmailSettings) -> Iterable[tuple[str, str]]:
        """Check every text, in every language, when the journey is published."""
        yield "subject", settings.subject
        yield "body", settings.body
        if settings.short:
            yield "short", settings.short
        yield from settings.translated_texts()

    def execute(self, context: StepContext[EmailSettings]) -> Outcome:
        """Ask for the delivery."""
        settings = context.settings
        return Deliver(
            channel="email",
            to=settings.to,
            subject=settings.subject,
            body=settings.body,
            short=settings.short,
            translations=settings.translated_words(),
            purpose=settings.purpose,
            when_in_doubt=settings.when_in_doubt,
        )
