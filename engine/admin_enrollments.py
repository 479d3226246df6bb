"""Enrollments for people with admin rights: the same controls as in the API."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from engine.admin_deeds import do_each
from engine.models import Enrollment
from engine.services.enrolling.requests import enrollment_cancel, enrollment_pause, enrollment_resume
from journeys.admin import ReadOnlyAdmin


@admin.register(Enrollment)
class EnrollmentAdmin(ReadOnlyAdmin):
    """Who was asked to enter a journey together with others, and how far that has come."""

    list_display = (
        "public_id",
        "state",
        "vendor",
        "journey",
        "dry_run",
        "examined",
        "entered",
        "made_by",
        "made_at",
    )
    list_filter = ("state", "dry_run", "vendor")
    list_select_related = ("vendor", "journey")
    search_fields = ("public_id", "journey__public_id")
    exclude = ("listed",)
    actions = ("pause", "resume", "cancel")

    @admin.action(description="Pause")
    def pause(self, request: HttpRequest, queryset: QuerySet[Enrollment]) -> None:
        """Pause the chosen enrollments."""
        do_each(request=request, rows=queryset, deed=enrollment_pause, argument="enrollment", done="paused")

    @admin.action(description="Resume")
    def resume(self, request: HttpRequest, queryset: QuerySet[Enrollment]) -> None:
        """Let the chosen enrollments go on."""
        do_each(request=request, rows=queryset, deed=enrollment_resume, argument="enrollment", done="resumed")

    @admin.action(description="Cancel for good")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Enrollment]) -> None:
        """End the chosen enrollments."""
        do_each(
            request=request, rows=queryset, deed=enrollment_cancel, argument="enrollment", done="cancelled"
        )
