"""Enrollments for people with admin rights: the same controls as in the API."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from engine.models import Enrollment
from engine.services.enrolling.requests import enrollment_cancel, enrollment_pause, enrollment_resume
from journeys import clock
from journeys.admin import ReadOnlyAdmin, actor_of
from journeys.errors import ServiceError


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
        _each(request, queryset, enrollment_pause, "paused")

    @admin.action(description="Resume")
    def resume(self, request: HttpRequest, queryset: QuerySet[Enrollment]) -> None:
        """Let the chosen enrollments go on."""
        _each(request, queryset, enrollment_resume, "resumed")

    @admin.action(description="Cancel for good")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Enrollment]) -> None:
        """End the chosen enrollments."""
        _each(request, queryset, enrollment_cancel, "cancelled")


def _each(
    request: HttpRequest, queryset: QuerySet[Enrollment], deed: Callable[..., Enrollment], done: str
) -> None:
    now, actor = clock.now(), actor_of(request)
    carried_out = 0
    for enrollment in queryset.order_by("pk"):
        try:
            deed(enrollment=enrollment, now=now, actor=actor)
            carried_out += 1
        except ServiceError as error:
            messages.warning(request, f"{enrollment}: {error.message}")
    if carried_out:
        messages.success(request, f"{carried_out} {done}.")
