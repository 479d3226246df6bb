"""Alerts, their letters and the doctor's looks, to be read; an alert is taken up here as well."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from engine.admin import ReadOnlyAdmin
from journeys import clock
from journeys.errors import ServiceError
from monitoring.models import Alert, AlertLetter, Examination
from monitoring.services.alerts import alert_acknowledge


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """What is wrong, or was."""

    list_display = (
        "public_id",
        "level",
        "status",
        "vendor",
        "title",
        "opened_at",
        "seen_at",
        "acknowledged_by",
    )
    list_filter = ("status", "level", "source")
    list_select_related = ("vendor",)
    search_fields = ("public_id", "key", "title")
    ordering = ("-id",)
    actions = ("acknowledge",)

    @admin.action(description="Take up")
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        """Say that somebody is at the chosen alerts."""
        now, taken = clock.now(), 0
        for alert in queryset:
            try:
                alert_acknowledge(alert=alert, now=now, actor=f"user:{request.user.pk}")
                taken += 1
            except ServiceError as refusal:
                messages.warning(request, f"{alert}: {refusal.message}")
        if taken:
            messages.success(request, f"{taken} taken up.")


@admin.register(AlertLetter)
class AlertLetterAdmin(ReadOnlyAdmin):
    """Who was told, and when."""

    list_display = ("public_id", "way", "state", "key", "attempts", "due_at", "begun_at", "reason")
    list_filter = ("state", "way")
    ordering = ("-id",)


@admin.register(Examination)
class ExaminationAdmin(ReadOnlyAdmin):
    """When each promise was last looked at."""

    list_display = ("name", "checked_at", "took_ms", "broken", "failure")
    ordering = ("name",)
