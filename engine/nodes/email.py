"""E-mail: write to people of the wedding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from journeys.language.outcomes import Deliver, DoubtPolicy, Outcome, Purpose, StepContext
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings


class EmailSettings(NodeSettings):
    """To whom, and what."""

    to: tuple[str, ...] = Field(default=("couple",), min_length=1, max_length=10, title="To")
    subject: str = Field(min_length=1, max_length=500, title="Subject")
    body: str = Field(min_length=1, max_length=50_000, title="Letter", description="Markdown with variables.")
    purpose: Purpose = Field(default="transactional", title="Purpose")
    when_in_doubt: DoubtPolicy = Field(default="ticket", title="When nobody can say whether it went out")


@node_types.register
class Email(NodeType[EmailSettings]):
    """One copy for each person, in one step."""

    type: ClassVar[str] = "email"
    title: ClassVar[str] = "E-mail"
    description: ClassVar[str] = "Write an e-mail"
    icon: ClassVar[str] = "mail"
    settings_model = EmailSettings
    outside: ClassVar[bool] = True

    def texts(self, settings: EmailSettings) -> Iterable[tuple[str, str]]:
        """Check both texts when the journey is published."""
        yield "subject", settings.subject
        yield "body", settings.body

    def execute(self, context: StepContext[EmailSettings]) -> Outcome:
        """Ask for the delivery."""
        settings = context.settings
        return Deliver(
            channel="email",
            to=settings.to,
            subject=settings.subject,
            body=settings.body,
            purpose=settings.purpose,
            when_in_doubt=settings.when_in_doubt,
        )
