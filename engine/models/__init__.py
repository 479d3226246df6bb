"""What the engine knows: events, passages, where they stand, what happened, what needs a person."""

from engine.models.approval import Approval
from engine.models.asking import Ask
from engine.models.changeover import Changeover, ChangeoverEntry
from engine.models.control import Heartbeat, QueueControl, Watermark
from engine.models.dead_letter import DeadLetter
from engine.models.enrollment import Enrollment
from engine.models.errors import ErrorLog
from engine.models.event import TriggerEvent
from engine.models.execution import NodeExecution
from engine.models.experiment import VariantAssignment
from engine.models.instance import Instance
from engine.models.late_plan import LatePlan
from engine.models.meeting import Meeting, MeetingNotice, MeetingType
from engine.models.module import ModuleSetting, ModuleUse
from engine.models.move import WeddingMove
from engine.models.page import FormDraft, FormSubmission, PageView
from engine.models.referral import ReferralLead, ReferralLink
from engine.models.review import Review
from engine.models.roll_back import RollBack
from engine.models.schedule import Schedule
from engine.models.tickets import InterventionTicket, TicketLine
from engine.models.wake import Wake
from engine.models.webhook import IncomingHook, WebhookCall
from engine.models.worker import Worker
from engine.models.zone_update import ZoneUpdate

__all__ = [
    "Approval",
    "Ask",
    "Changeover",
    "ChangeoverEntry",
    "DeadLetter",
    "Enrollment",
    "ErrorLog",
    "FormDraft",
    "FormSubmission",
    "Heartbeat",
    "IncomingHook",
    "Instance",
    "InterventionTicket",
    "LatePlan",
    "Meeting",
    "MeetingNotice",
    "MeetingType",
    "ModuleSetting",
    "ModuleUse",
    "NodeExecution",
    "PageView",
    "QueueControl",
    "ReferralLead",
    "ReferralLink",
    "Review",
    "RollBack",
    "Schedule",
    "TicketLine",
    "TriggerEvent",
    "VariantAssignment",
    "Wake",
    "Watermark",
    "WebhookCall",
    "WeddingMove",
    "Worker",
    "ZoneUpdate",
]
