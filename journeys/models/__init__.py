"""What is written down about vendors, people, weddings and journeys."""

from journeys.models.access import ApiKey, IdempotencyRecord
from journeys.models.audit import AuditRecord
from journeys.models.clock import ClockShift
from journeys.models.journey import Journey, JourneyTemplate, Version
from journeys.models.people import Client, Stakeholder, Tag
from journeys.models.task import Task
from journeys.models.vendor import Membership, Vendor
from journeys.models.wedding import Wedding, WeddingAnchor

__all__ = [
    "ApiKey",
    "AuditRecord",
    "Client",
    "ClockShift",
    "IdempotencyRecord",
    "Journey",
    "JourneyTemplate",
    "Membership",
    "Stakeholder",
    "Tag",
    "Task",
    "Vendor",
    "Version",
    "Wedding",
    "WeddingAnchor",
]
