"""Form submitted: a couple has answered."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from journeys.language.registry import EventFacts, TriggerType, trigger_types


class FormSubmittedSettings(BaseModel):
    """Which form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: str = Field(default="", max_length=60, title="Form", description="Empty: any form.")


@trigger_types.register
class FormSubmitted(TriggerType[FormSubmittedSettings]):
    """Starts when a form's answers arrive; the event's topic is the form's type."""

    type: ClassVar[str] = "form_submitted"
    title: ClassVar[str] = "A form is answered"
    description: ClassVar[str] = "When the answers to a form arrive"
    settings_model = FormSubmittedSettings

    def matches(self, *, settings: FormSubmittedSettings, event: EventFacts) -> bool:
        """Compare the form's type."""
        return not settings.form or settings.form == event.payload.get("topic")
