"""Client added: somebody new is in the vendor's books."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from journeys.language.registry import EventFacts, TriggerType, trigger_types


class ClientAddedSettings(BaseModel):
    """Nothing to choose; the filter says which clients."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@trigger_types.register
class ClientAdded(TriggerType[ClientAddedSettings]):
    """Starts when a client is added, by hand, by import or through the API."""

    type: ClassVar[str] = "client_added"
    title: ClassVar[str] = "A client is added"
    description: ClassVar[str] = "As soon as somebody is in your books"
    settings_model = ClientAddedSettings

    def matches(self, *, settings: ClientAddedSettings, event: EventFacts) -> bool:
        """Take every client."""
        del settings, event
        return True
