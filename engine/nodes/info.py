"""Info: lead the couple to a page that they can read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from journeys.language.links import check_words
from journeys.language.modules import Limits, Module, WeddingRule
from journeys.language.outcomes import Deliver, Outcome, StepContext
from journeys.language.registry import NodeType, node_types
from journeys.language.sending import SendSettings


class InfoSettings(SendSettings):
    """Which page, and to whom."""

    page: str = Field(pattern=r"^[a-z][a-z0-9_]{0,59}$", title="Page", description="The page's key.")
    channel: Literal["email", "sms"] = Field(default="email", title="By")
    subject: str = Field(default="", max_length=500, title="Subject")
    body: str = Field(
        min_length=1, max_length=50_000, title="Letter", description="{{ link }} is the page's address."
    )

    @model_validator(mode="after")
    def _leads_to_the_page(self) -> Self:
        check_words(self, channel=self.channel, subject=self.subject, bodies=[("body", self.body)])
        return self


@node_types.register
class Info(NodeType[InfoSettings]):
    """The page shows the couple's facts as they are when it is opened."""

    type: ClassVar[str] = "info"
    title: ClassVar[str] = "Info page"
    description: ClassVar[str] = "Lead the couple to a page that they can read"
    icon: ClassVar[str] = "file-text"
    settings_model = InfoSettings
    outside: ClassVar[bool] = True
    link: ClassVar[str] = "info"
    module: ClassVar[Module | None] = Module(
        limits=Limits(time_seconds=8, memory_mb=64, per_minute=1200),
        target_ms=800,
        wedding_rules=(
            WeddingRule(
                kind="any_day",
                says="A page may be sent on any day, the wedding day included: directions are.",
            ),
        ),
    )

    def texts(self, settings: InfoSettings) -> Iterable[tuple[str, str]]:
        """Check all words when the journey is published."""
        if settings.subject:
            yield "subject", settings.subject
        yield "body", settings.body
        yield from settings.translated_texts()

    def execute(self, context: StepContext[InfoSettings]) -> Outcome:
        """Ask for the delivery."""
        settings = context.settings
        return Deliver(
            channel=settings.channel,
            to=settings.to,
            subject=settings.subject,
            body=settings.body,
            translations=settings.translated_words(),
            purpose=settings.purpose,
            when_in_doubt=settings.when_in_doubt,
            link="info",
        )
