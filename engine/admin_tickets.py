"""Tickets for people with admin rights: a cause with all its steps, or single steps of it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from engine.models import InterventionTicket, TicketLine
from engine.selectors_tickets import counted
from engine.services.correcting import Correction, ticket_edit_and_retry
from engine.services.tickets import DEEDS, Worked, ticket_assign, ticket_work
from journeys import clock
from journeys.admin import ReadOnlyAdmin, actor_of
from journeys.errors import ServiceError

#: A ticket, and the lines of it that were chosen; None for all.
Chosen = list[tuple[InterventionTicket, list[str] | None]]


class CorrectionForm(forms.Form):
    """What was wrong, put right; what is left empty stays as it is."""

    email = forms.EmailField(required=False, help_text="Of the client, or of the person with the role below.")
    phone = forms.CharField(required=False, max_length=60)
    role = forms.CharField(
        required=False, max_length=60, help_text="Such as partner_2. Empty: the client's own address."
    )
    fields_json = forms.JSONField(
        required=False, label="Fields", help_text='Of the client, as JSON: {"album": "the green one"}.'
    )
    variables_json = forms.JSONField(
        required=False, label="Variables", help_text="Of the instance, as JSON: name and value."
    )

    def correction(self) -> Correction:
        """Give what was filled in."""
        given = self.cleaned_data
        return Correction(
            email=given["email"] or None,
            phone=given["phone"] or None,
            role=given["role"].strip(),
            fields=given["fields_json"] or {},
            variables=given["variables_json"] or {},
        )

    def clean(self) -> dict[str, Any]:
        """Take objects only, and not nothing at all."""
        given = super().clean() or {}
        for name in ("fields_json", "variables_json"):
            if given.get(name) and not isinstance(given[name], dict):
                self.add_error(name, "Write an object: names and values in { }.")
        if not any(given.get(name) for name in ("email", "phone", "fields_json", "variables_json")):
            raise forms.ValidationError("Say what is to be put right.")
        return given


class WorkAdmin(ReadOnlyAdmin):
    """Work what is chosen; each model says what that is."""

    actions: tuple[str, ...] = ("retry", "skip", "cancel", "resend", "mark_sent", "edit_and_retry")

    def chosen(self, queryset: QuerySet[Any]) -> Chosen:
        """Give the tickets that the choice is about, and which lines of them."""
        raise NotImplementedError

    @admin.action(description="Do the steps again")
    def retry(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Retry what is chosen."""
        self._work(request, queryset, "retry", "tried again")

    @admin.action(description="Skip the steps and go on")
    def skip(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Skip what is chosen."""
        self._work(request, queryset, "skip", "skipped")

    @admin.action(description="End the journeys for these couples")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Cancel the instances of what is chosen."""
        self._work(request, queryset, "cancel", "ended")

    @admin.action(description="Send refused or doubtful messages again")
    def resend(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Send the messages of what is chosen again."""
        self._work(request, queryset, "resend", "sent again")

    @admin.action(description="Mark doubtful messages as sent")
    def mark_sent(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Take the messages of what is chosen as sent."""
        self._work(request, queryset, "mark_sent", "marked as sent")

    @admin.action(description="Put data right and try again")
    def edit_and_retry(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask what is right, then write it and retry."""
        form = CorrectionForm(request.POST if "correct" in request.POST else None)
        if not form.is_valid():
            context = {
                **self.admin_site.each_context(request),
                "title": "Put data right and try again",
                "form": form,
                "rows": queryset,
                "opts": self.model._meta,  # noqa: SLF001 Django's documented door
                "checkbox": ACTION_CHECKBOX_NAME,
            }
            return TemplateResponse(request, "admin/engine/edit_and_retry.html", context)
        now, actor = clock.now(), actor_of(request)
        for ticket, line_ids in self.chosen(queryset):
            try:
                worked = ticket_edit_and_retry(
                    ticket=ticket, correction=form.correction(), line_ids=line_ids, now=now, actor=actor
                )
                _tell(request, worked, "put right and tried again")
            except ServiceError as error:
                messages.warning(request, f"{ticket}: {error.message}")
        return None

    def _work(self, request: HttpRequest, queryset: QuerySet[Any], deed: str, done: str) -> None:
        """Carry out one deed for what is chosen and say how it went."""
        now, actor = clock.now(), actor_of(request)
        for ticket, line_ids in self.chosen(queryset):
            try:
                worked = ticket_work(
                    ticket=ticket, deed=DEEDS[deed], name=deed, line_ids=line_ids, now=now, actor=actor
                )
                _tell(request, worked, done)
            except ServiceError as error:
                messages.warning(request, f"{ticket}: {error.message}")


def _tell(request: HttpRequest, worked: Worked, done: str) -> None:
    if worked.done:
        messages.success(request, f"{worked.ticket}: {worked.done} {done}.")
    for line_id, sentence in list(worked.refused.items())[:20]:
        messages.warning(request, f"{line_id}: {sentence}")
    if worked.left:
        messages.info(request, f"{worked.ticket}: {worked.left} are left. Do it again to go on.")


@admin.register(InterventionTicket)
class TicketAdmin(WorkAdmin):
    """Where tickets are worked, with all the steps that their cause has stopped."""

    list_display = (
        "public_id",
        "level",
        "status",
        "vendor",
        "code",
        "steps",
        "summary",
        "assignee",
        "created_at",
    )
    list_filter = ("status", "level", "error_class", "vendor")
    list_select_related = ("vendor", "assignee")
    search_fields = ("public_id", "code", "cause")
    ordering = ("status", "-id")
    actions = (*WorkAdmin.actions, "take", "give_back")

    def get_queryset(self, request: HttpRequest) -> QuerySet[InterventionTicket]:
        """Count the lines along with the tickets."""
        return counted(super().get_queryset(request))

    @admin.display(description="Open steps")
    def steps(self, ticket: InterventionTicket) -> str:
        """Say how many steps stand still, of how many."""
        counts = (ticket.lines_open, ticket.lines_total)  # type: ignore[attr-defined]
        return f"{counts[0]} of {counts[1]}"

    def chosen(self, queryset: QuerySet[Any]) -> Chosen:
        """Take all lines of the chosen tickets."""
        return [(ticket, None) for ticket in queryset]

    @admin.action(description="Assign to me")
    def take(self, request: HttpRequest, queryset: QuerySet[InterventionTicket]) -> None:
        """Give the chosen tickets to whoever asks."""
        self._assign(request, queryset, mine=True)

    @admin.action(description="Assign to nobody")
    def give_back(self, request: HttpRequest, queryset: QuerySet[InterventionTicket]) -> None:
        """Take the chosen tickets from whoever has them."""
        self._assign(request, queryset, mine=False)

    def _assign(self, request: HttpRequest, queryset: QuerySet[InterventionTicket], *, mine: bool) -> None:
        now, actor = clock.now(), actor_of(request)
        user = request.user if mine and request.user.is_authenticated else None
        for ticket in queryset:
            try:
                ticket_assign(ticket=ticket, user=user, now=now, actor=actor)
            except ServiceError as error:
                messages.warning(request, f"{ticket}: {error.message}")


@admin.register(TicketLine)
class TicketLineAdmin(WorkAdmin):
    """The single steps that tickets are about, worked one by one."""

    list_display = ("public_id", "ticket", "status", "vendor", "instance", "node_id", "summary", "created_at")
    list_filter = ("status", "pauses", "error_class", "vendor")
    list_select_related = ("vendor", "ticket", "instance")
    search_fields = ("public_id", "code", "ticket__public_id", "instance__public_id")
    ordering = ("status", "-id")

    def chosen(self, queryset: QuerySet[Any]) -> Chosen:
        """Take the chosen lines, ticket by ticket."""
        tickets: dict[int, tuple[InterventionTicket, list[str] | None]] = {}
        for line in queryset.select_related("ticket"):
            _, lines = tickets.setdefault(line.ticket_id, (line.ticket, []))
            if lines is not None:
                lines.append(line.public_id)
        return list(tickets.values())
