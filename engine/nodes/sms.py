"""SMS: send a text to people of the wedding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from journeys.language.outcomes import Deliver, DoubtPolicy, Outcome, Purpose, StepContext
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings

#: Ten segments of 153 characters, the most a provider joins reliably (GSM 03.38, concatenated).
MAX_CHARACTERS = 1530


class SmsSettings(NodeSettings):
    """To whom, and what."""

    to: tuple[str, ...] = Field(default=("couple",), min_length=1, max_length=10, title="To")
    body: str = Field(min_length=1, max_length=MAX_CHARACTERS, title="Text")
    purpose: Purpose = Field(default="transactional", title="Purpose")
    when_in_doubt: DoubtPolicy = Field(default="ticket", title="When nobody can say whether it went out")


@node_types.register
class Sms(NodeType[SmsSettings]):
    """One text for each person, in one step."""

    type: ClassVar[str] = "sms"
    title: ClassVar[str] = "Text"
    description: ClassVar[str] = "Send a text message"
    icon: ClassVar[str] = "message-square-text"
    settings_model = SmsSettings
    outside: ClassVar[bool] = True

    def texts(self, settings: SmsSettings) -> Iterable[tuple[str, str]]:
        """Check the text when the journey is published."""
        yield "body", settings.body

    def execute(self, context: StepContext[SmsSettings]) -> Outcome:
        """Ask for the delivery."""
        settings = context.settings
        return Deliver(
            channel="sms",
            to=settings.to,
            subject="",
            body=settings.body,
            purpose=settings.purpose,
            when_in_doubt=settings.when_in_doubt,
        )
