"""What is written down about vendors, people, weddings and journeys."""

from journeys.models.access import ApiKey, IdempotencyRecord
from journeys.models.audit import AuditRecord
from journeys.models.clock import ClockShift
from journeys.models.form import Form, InfoPage
from journeys.models.journey import Journey, JourneyTemplate, Version
from journeys.models.people import Client, Stakeholder, Tag
from journeys.models.secret import VendorSecret
from journeys.models.task import Task
from journeys.models.vendor import Membership, Vendor
from journeys.models.wedding import Wedding, WeddingAnchor

__all__ = [
    "ApiKey",
    "AuditRecord",
    "Client",
    "ClockShift",
    "Form",
    "IdempotencyRecord",
    "InfoPage",
    "Journey",
    "JourneyTemplate",
    "Membership",
    "Stakeholder",
    "Tag",
    "Task",
    "Vendor",
    "VendorSecret",
    "Version",
    "Wedding",
    "WeddingAnchor",
]
