"""What the engine knows: events, passages, where they stand, what happened, what needs a person."""

from engine.models.control import Heartbeat, QueueControl, Watermark
from engine.models.errors import ErrorLog, InterventionTicket
from engine.models.event import TriggerEvent
from engine.models.execution import NodeExecution
from engine.models.experiment import VariantAssignment
from engine.models.instance import Instance
from engine.models.schedule import Schedule

__all__ = [
    "ErrorLog",
    "Heartbeat",
    "Instance",
    "InterventionTicket",
    "NodeExecution",
    "QueueControl",
    "Schedule",
    "TriggerEvent",
    "VariantAssignment",
    "Watermark",
]
