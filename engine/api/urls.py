"""Addresses of what runs, below /api/."""

from __future__ import annotations

from engine.api.views import (
    approvals,
    events,
    explanation,
    insight,
    instances,
    meetings,
    modules,
    plans,
    queue,
    recommending,
    simulation,
    tickets,
    versions,
    weddings,
)
from journeys.api.routes import route

_INSTANCE = "journey-engine/instances/<public_id:instance_id>"
_TICKET = "journey-engine/tickets/<public_id:ticket_id>"
_JOURNEY = "journeys/<public_id:journey_id>"
_CHANGEOVER = f"{_JOURNEY}/changeovers/<public_id:changeover_id>"
_APPROVAL = "journey-engine/approvals/<public_id:approval_id>"
_WEDDING = "weddings/<public_id:wedding_id>"
_MEETING_TYPE = "meetings/types/<public_id:meeting_type_id>"
_MEETING = "meetings/<public_id:meeting_id>"
_REVIEW = "reviews/<public_id:review_id>"

urlpatterns = [
    route("journeys/trigger", events.Events, "events"),
    route("journeys/<public_id:journey_id>/simulate", simulation.JourneySimulate, "journey-simulate"),
    route("journeys/schema", versions.DefinitionSchema, "journey-definition-schema"),
    route(f"{_JOURNEY}/variants", insight.JourneyVariants, "journey-variants"),
    route(f"{_JOURNEY}/publish", versions.JourneyPublishView, "journey-publish"),
    route(f"{_JOURNEY}/unpin", versions.JourneyUnpinView, "journey-unpin"),
    route(f"{_JOURNEY}/versions/<int:number>/publish", versions.VersionPublishView, "version-publish"),
    route(f"{_JOURNEY}/versions/<int:number>/move", versions.VersionMoveView, "version-move"),
    route(f"{_JOURNEY}/changeovers", versions.Changeovers, "changeovers"),
    route(_CHANGEOVER, versions.ChangeoverView, "changeover"),
    route(f"{_CHANGEOVER}/entries", versions.ChangeoverEntries, "changeover-entries"),
    route(f"{_CHANGEOVER}/undo", versions.ChangeoverUndo, "changeover-undo"),
    route("journey-engine/instances", instances.Instances, "instances"),
    route("journey-engine/instances/bulk", instances.InstancesBulk, "instances-bulk"),
    route(_INSTANCE, instances.InstanceView, "instance"),
    route(f"{_INSTANCE}/pause", instances.InstancePause, "instance-pause"),
    route(f"{_INSTANCE}/resume", instances.InstanceResume, "instance-resume"),
    route(f"{_INSTANCE}/cancel", instances.InstanceCancel, "instance-cancel"),
    route(f"{_INSTANCE}/retry", instances.InstanceRetry, "instance-retry"),
    route(f"{_INSTANCE}/pin", versions.InstancePin, "instance-pin"),
    route(f"{_INSTANCE}/unpin", versions.InstanceUnpin, "instance-unpin"),
    route(f"{_INSTANCE}/plan", plans.InstancePlan, "instance-plan"),
    route(f"{_INSTANCE}/timeline", insight.InstanceTimeline, "instance-timeline"),
    route(f"{_INSTANCE}/explain", explanation.InstanceExplain, "instance-explain"),
    route(
        "journey-engine/messages/<public_id:message_id>/explain",
        explanation.MessageExplain,
        "message-explain",
    ),
    route("journey-engine/metrics", insight.Metrics, "metrics"),
    route("journey-engine/executions", instances.Executions, "executions"),
    route("journey-engine/errors", tickets.Errors, "errors"),
    route("journey-engine/tickets", tickets.Tickets, "tickets"),
    route(_TICKET, tickets.TicketView, "ticket"),
    route(f"{_TICKET}/retry", tickets.TicketRetry, "ticket-retry"),
    route(f"{_TICKET}/skip", tickets.TicketSkip, "ticket-skip"),
    route(f"{_TICKET}/cancel", tickets.TicketCancel, "ticket-cancel"),
    route("journey-engine/approvals", approvals.Approvals, "approvals"),
    route("journey-engine/approvals/prepare", approvals.ApprovalsPrepare, "approvals-prepare"),
    route("journey-engine/approvals/bulk", approvals.ApprovalsBulk, "approvals-bulk"),
    route(_APPROVAL, approvals.ApprovalView, "approval"),
    route(f"{_APPROVAL}/approve", approvals.ApprovalApprove, "approval-approve"),
    route(f"{_APPROVAL}/reject", approvals.ApprovalReject, "approval-reject"),
    route("journey-engine/queue", queue.Queue, "queue"),
    route("journey-engine/modules", queue.Modules, "modules"),
    route(f"{_WEDDING}/reschedule", weddings.WeddingRescheduleView, "wedding-reschedule"),
    route(f"{_WEDDING}/reschedule/undo", weddings.WeddingUndoView, "wedding-reschedule-undo"),
    route(f"{_WEDDING}/cancel", weddings.WeddingCancelView, "wedding-cancel"),
    route(f"{_WEDDING}/moves", weddings.WeddingMoves, "wedding-moves"),
    route(f"{_WEDDING}/anchors", weddings.WeddingAnchors, "wedding-anchors"),
    route(f"{_WEDDING}/anchors/<slug:anchor>", weddings.WeddingAnchor, "wedding-anchor"),
    route("journey-engine/modules/<slug:name>", modules.ModuleView, "module"),
    route("journey-engine/webhook-calls", modules.WebhookCalls, "webhook-calls"),
    route("incoming-hooks", modules.IncomingHooks, "incoming-hooks"),
    route("incoming-hooks/<public_id:hook_id>", modules.IncomingHookView, "incoming-hook"),
    route("incoming-hooks/<public_id:hook_id>/rotate", modules.IncomingHookRotate, "incoming-hook-rotate"),
    route("forms/<public_id:form_id>/answers", modules.FormAnswers, "form-answers"),
    route("meetings", meetings.Meetings, "meetings"),
    route("meetings/types", meetings.MeetingTypes, "meeting-types"),
    route(_MEETING_TYPE, meetings.MeetingTypeView, "meeting-type"),
    route(f"{_MEETING_TYPE}/times", meetings.MeetingTypeTimes, "meeting-type-times"),
    route(_MEETING, meetings.MeetingView, "meeting"),
    route(f"{_MEETING}/move", meetings.MeetingMoveView, "meeting-move"),
    route(f"{_MEETING}/cancel", meetings.MeetingCancelView, "meeting-cancel"),
    route(f"{_MEETING}/missed", meetings.MeetingMissedView, "meeting-missed"),
    route("reviews", recommending.Reviews, "reviews"),
    route("reviews/settings", recommending.ReviewSettings, "review-settings"),
    route(_REVIEW, recommending.ReviewView, "review"),
    route(f"{_REVIEW}/done", recommending.ReviewDone, "review-done"),
    route("referrals", recommending.Referrals, "referrals"),
    route("referrals/settings", recommending.ReferralSettings, "referral-settings"),
    route("referrals/leads", recommending.ReferralLeads, "referral-leads"),
    route("referrals/<public_id:referral_id>", recommending.ReferralView, "referral"),
]
