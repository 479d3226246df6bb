"""Messages and suppressions in Django's admin: to be read; only a suppression may be added or taken away."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from channels.addresses import index_of
from channels.models import DeliveryEvent, Message, SinkMessage, Suppression
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
