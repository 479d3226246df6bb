"""Messages, suppressions and circuits in Django's admin: to be read; suppressions are added, circuits are set."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from channels.addresses import index_of
from channels.models import Circuit, DeliveryEvent, Message, SinkMessage, Suppression
from channels.services.circuits import accounts_make, circuit_set
from journeys import clock


class ReadOnly:
    """Show rows and change none: services change them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 Django's signature
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 Django's signature
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 Django's signature
        """Refuse."""
        return False


class DeliveryEventInline(ReadOnly, admin.TabularInline[DeliveryEvent, Message]):
    """Show what was heard of a message below it."""

    model = DeliveryEvent
    fields = ("kind", "provider", "occurred_at", "received_at")
    extra = 0


@admin.register(Message)
class MessageAdmin(ReadOnly, admin.ModelAdmin[Message]):
    """Show the ledger."""

    list_display = (
        "public_id",
        "vendor",
        "channel",
        "provider",
        "recipient_role",
        "status",
        "delivery",
        "created_at",
    )
    list_filter = ("status", "channel", "provider", "delivery", "purpose")
    list_select_related = ("vendor",)
    search_fields = ("public_id", "key", "instance_ref", "provider_id")
    exclude = ("address_index",)
    inlines = (DeliveryEventInline,)
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(DeliveryEvent)
class DeliveryEventAdmin(ReadOnly, admin.ModelAdmin[DeliveryEvent]):
    """Show what providers reported."""

    list_display = ("provider", "kind", "message", "occurred_at", "received_at")
    list_filter = ("provider", "kind")
    search_fields = ("event_key", "message__public_id")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(SinkMessage)
class SinkMessageAdmin(ReadOnly, admin.ModelAdmin[SinkMessage]):
    """Show what the local sink took."""

    list_display = ("public_id", "vendor", "channel", "received_at")
    list_filter = ("channel",)
    list_select_related = ("vendor",)
    search_fields = ("public_id", "key")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(Suppression)
class SuppressionAdmin(admin.ModelAdmin[Suppression]):
    """Show who must not be written to; add or take away one by hand."""

    list_display = ("id", "vendor", "channel", "reason", "created_at")
    list_filter = ("channel", "reason")
    list_select_related = ("vendor",)
    fields = ("vendor", "channel", "address", "reason", "created_at")
    readonly_fields = ("created_at",)
    ordering = ("-id",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 Django's signature
        """Refuse: a suppression is added or taken away whole."""
        return False

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001 Django's signature
        """Add the blind index and the time to what a person typed."""
        obj.address = obj.address.strip()
        obj.address_index = index_of(obj.address)
        obj.created_at = clock.now()
        obj.save()


@admin.register(Circuit)
class CircuitAdmin(ReadOnly, admin.ModelAdmin[Circuit]):
    """Show what works and what does not; stop it, let it through, or let it look after itself."""

    list_display = (
        "name",
        "kind",
        "vendor",
        "state",
        "forced",
        "reason",
        "opened_at",
        "probe_at",
        "changed_by",
    )
    list_filter = ("kind", "state", "forced")
    list_select_related = ("vendor",)
    search_fields = ("key", "public_id")
    ordering = ("kind", "-id")
    actions = ("stop", "let_through", "reset")
    show_full_result_count = False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """List every account that is set up, also those that have never failed."""
        accounts_make(now=clock.now())
        return super().changelist_view(request, extra_context)

    def has_set_permission(self, request: HttpRequest) -> bool:
        """Let those set circuits who may change them."""
        return request.user.has_perm("channels.change_circuit")

    @admin.action(description="Stop: let nothing through", permissions=["set"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Circuit]) -> None:
        """Let steps wait."""
        self._set(request, queryset, Circuit.Forced.OPEN)

    @admin.action(description="Let everything through, whatever happens", permissions=["set"])
    def let_through(self, request: HttpRequest, queryset: QuerySet[Circuit]) -> None:
        """Let everything through."""
        self._set(request, queryset, Circuit.Forced.CLOSED)

    @admin.action(description="Begin anew: let it look after itself", permissions=["set"])
    def reset(self, request: HttpRequest, queryset: QuerySet[Circuit]) -> None:
        """Give it back to itself."""
        self._set(request, queryset, Circuit.Forced.NO)

    def _set(self, request: HttpRequest, queryset: QuerySet[Circuit], forced: Circuit.Forced) -> None:
        now, actor = clock.now(), f"user:{request.user.pk}"
        for circuit in queryset:
            circuit_set(circuit=circuit, forced=forced, now=now, actor=actor)
        messages.success(request, "Set. Steps that may go on come back within two minutes.")
