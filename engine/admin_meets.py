"""Meetings, reviews and referrals for people with admin rights."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from engine.admin import ReadOnlyAdmin
from engine.admin_deeds import do_each
from engine.models import Ask, Meeting, MeetingNotice, MeetingType, ReferralLead, ReferralLink, Review
from engine.services import meeting_types, meetings, referrals, reviews


@admin.register(MeetingType)
class MeetingTypeAdmin(ReadOnlyAdmin):
    """Kinds of meetings; they are written through the API, which checks them."""

    list_display = ("public_id", "key", "title", "vendor", "minutes", "is_active")
    list_filter = ("is_active", "vendor")
    search_fields = ("public_id", "key")
    ordering = ("-id",)
    actions = ("switch_off", "switch_on")

    @admin.action(description="Offer no more")
    def switch_off(self, request: HttpRequest, queryset: QuerySet[MeetingType]) -> None:
        """Offer the chosen meetings no more."""
        do_each(
            request=request,
            rows=queryset,
            deed=_switched(on=False),
            argument="meeting_type",
            done="switched off",
        )

    @admin.action(description="Offer again")
    def switch_on(self, request: HttpRequest, queryset: QuerySet[MeetingType]) -> None:
        """Offer the chosen meetings again."""
        do_each(
            request=request,
            rows=queryset,
            deed=_switched(on=True),
            argument="meeting_type",
            done="switched on",
        )


def _switched(*, on: bool) -> Any:
    def switch(**given: Any) -> None:
        meeting_types.meeting_type_change(is_active=on, **given)

    return switch


class NoticeInline(admin.TabularInline[MeetingNotice, Meeting]):
    """The letters about a meeting."""

    model = MeetingNotice
    fields = readonly_fields = ("kind", "role", "state", "due_at", "attempt", "reason")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave letters to the services."""
        del request, obj
        return False


@admin.register(Meeting)
class MeetingAdmin(ReadOnlyAdmin):
    """Meetings that are or were booked."""

    list_display = ("public_id", "status", "title", "vendor", "client", "starts_at", "time_zone")
    list_filter = ("status", "vendor")
    list_select_related = ("vendor", "client")
    search_fields = ("public_id", "client__public_id")
    exclude = ("message", "blocks")
    ordering = ("-starts_at",)
    inlines = (NoticeInline,)
    actions = ("cancel", "missed")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Meeting]:
        """Bring along what the services read."""
        return super().get_queryset(request).select_related("meeting_type__vendor", "wedding")

    @admin.action(description="Cancel and tell everybody")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Meeting]) -> None:
        """Cancel the chosen meetings."""
        do_each(
            request=request, rows=queryset, deed=meetings.meeting_cancel, argument="meeting", done="cancelled"
        )

    @admin.action(description="Nobody came")
    def missed(self, request: HttpRequest, queryset: QuerySet[Meeting]) -> None:
        """Mark the chosen meetings as missed."""
        do_each(
            request=request,
            rows=queryset,
            deed=meetings.meeting_missed,
            argument="meeting",
            done="marked as missed",
        )


@admin.register(Ask)
class AskAdmin(ReadOnlyAdmin):
    """What steps have asked of people."""

    list_display = ("id", "kind", "vendor", "client", "node_id", "asked_at", "reminders", "opened_at")
    list_filter = ("kind", "vendor")
    list_select_related = ("vendor", "client")
    ordering = ("-id",)


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """Reviews that were asked for; what was said in private is read through the API by its vendor."""

    list_display = ("public_id", "vendor", "client", "site", "clicks", "done_at", "done_by")
    list_filter = ("done_by", "vendor")
    list_select_related = ("vendor", "client")
    search_fields = ("public_id", "client__public_id")
    exclude = ("feedback",)
    ordering = ("-id",)
    actions = ("written",)

    @admin.action(description="It is written")
    def written(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        """Mark the chosen reviews as written."""
        do_each(request=request, rows=queryset, deed=_written, argument="review", done="marked as written")


def _written(**given: Any) -> None:
    reviews.review_done(source=Review.Source.VENDOR, **given)


@admin.register(ReferralLink)
class ReferralLinkAdmin(ReadOnlyAdmin):
    """Couples' own links."""

    list_display = ("public_id", "vendor", "client", "visits", "last_visit_at", "is_active")
    list_filter = ("is_active", "vendor")
    list_select_related = ("vendor", "client")
    search_fields = ("public_id", "code", "client__public_id")
    ordering = ("-id",)
    actions = ("switch_off", "switch_on")

    @admin.action(description="Switch off")
    def switch_off(self, request: HttpRequest, queryset: QuerySet[ReferralLink]) -> None:
        """Let the chosen links lead nowhere."""
        do_each(
            request=request,
            rows=queryset,
            deed=_link_switched(on=False),
            argument="link",
            done="switched off",
        )

    @admin.action(description="Switch on")
    def switch_on(self, request: HttpRequest, queryset: QuerySet[ReferralLink]) -> None:
        """Let the chosen links work again."""
        do_each(
            request=request, rows=queryset, deed=_link_switched(on=True), argument="link", done="switched on"
        )


def _link_switched(*, on: bool) -> Any:
    def switch(**given: Any) -> None:
        referrals.referral_link_switch(is_active=on, **given)

    return switch


@admin.register(ReferralLead)
class ReferralLeadAdmin(ReadOnlyAdmin):
    """Friends who wrote."""

    list_display = ("public_id", "vendor", "link", "client", "created_at")
    list_filter = ("vendor",)
    list_select_related = ("vendor", "link", "client")
    ordering = ("-id",)
