"""The engine's records for people with admin rights."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from engine.admin_deeds import do_each
from engine.models import (
    Approval,
    ErrorLog,
    Heartbeat,
    LatePlan,
    NodeExecution,
    QueueControl,
    Schedule,
    TriggerEvent,
    Watermark,
    WeddingMove,
    ZoneUpdate,
)
from engine.services import approvals


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Show rows that only services may write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """Messages that wait for a yes; their words are read and edited on the monitor."""

    list_display = ("public_id", "status", "vendor", "client", "step_name", "expires_at", "decided_by")
    list_filter = ("status", "vendor")
    list_select_related = ("vendor", "client")
    search_fields = ("public_id", "client__public_id")
    exclude = ("contents", "original", "note")
    ordering = ("-id",)
    actions = ("approve", "reject")

    @admin.action(description="Approve")
    def approve(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        """Approve the chosen messages as they are."""
        do_each(
            request=request,
            rows=queryset,
            deed=approvals.approval_approve,
            argument="approval",
            done="approved",
        )

    @admin.action(description="Hold back")
    def reject(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        """Keep the chosen messages from going out."""
        do_each(
            request=request,
            rows=queryset,
            deed=approvals.approval_reject,
            argument="approval",
            done="held back",
        )


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """Where instances stand."""

    list_display = ("id", "instance", "node_id", "state", "due_at", "queue", "attempt", "reason")
    list_filter = ("state", "queue")
    list_select_related = ("instance",)
    ordering = ("due_at",)


@admin.register(NodeExecution)
class NodeExecutionAdmin(ReadOnlyAdmin):
    """What happened."""

    list_display = ("at", "instance", "node_id", "node_type", "status", "attempt", "duration_ms", "reason")
    list_filter = ("status", "node_type")
    show_full_result_count = False
    ordering = ("-id",)


@admin.register(TriggerEvent)
class TriggerEventAdmin(ReadOnlyAdmin):
    """What arrived."""

    list_display = ("public_id", "type", "topic", "vendor", "client", "received_at")
    list_filter = ("type", "vendor")
    search_fields = ("public_id", "event_id")
    ordering = ("-id",)


@admin.register(ErrorLog)
class ErrorLogAdmin(ReadOnlyAdmin):
    """What failed."""

    list_display = ("at", "vendor", "node_id", "error_class", "code", "message")
    list_filter = ("error_class", "code")
    show_full_result_count = False
    ordering = ("-id",)


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    """Who shows life."""

    list_display = ("name", "beat_at")


@admin.register(QueueControl)
class QueueControlAdmin(ReadOnlyAdmin):
    """Whether processing is on; it is switched through the API and the monitor."""

    list_display = ("running", "changed_at", "changed_by")


@admin.register(Watermark)
class WatermarkAdmin(ReadOnlyAdmin):
    """How far the ticks have come."""

    list_display = ("name", "at")


from engine import (  # noqa: E402, F401 the same register, in files of their own
    admin_dead_letters,
    admin_enrollments,
    admin_instances,
    admin_meets,
    admin_modules,
    admin_tickets,
)


@admin.register(WeddingMove)
class WeddingMoveAdmin(ReadOnlyAdmin):
    """What happened to weddings' dates."""

    list_display = ("public_id", "kind", "vendor", "wedding", "made_at", "made_by", "undone_at")
    list_filter = ("kind",)
    list_select_related = ("vendor", "wedding")
    search_fields = ("public_id", "wedding__public_id")


@admin.register(LatePlan)
class LatePlanAdmin(ReadOnlyAdmin):
    """Plans of passages that began late."""

    list_display = ("public_id", "status", "vendor", "instance", "made_at", "confirm_by", "settled_by")
    list_filter = ("status",)
    list_select_related = ("vendor", "instance")
    search_fields = ("public_id", "instance__public_id")


@admin.register(ZoneUpdate)
class ZoneUpdateAdmin(ReadOnlyAdmin):
    """Changes of the time-zone database, and what moved."""

    list_display = ("version", "was", "applied_at", "examined", "moved")
