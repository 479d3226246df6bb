"""The ledger of messages, what became of them, and who must not be written to."""

from channels.models.circuit import Circuit
from channels.models.delivery import DeliveryEvent
from channels.models.message import Message
from channels.models.sink import SinkMessage
from channels.models.suppression import Suppression

__all__ = ["Circuit", "DeliveryEvent", "Message", "SinkMessage", "Suppression"]
