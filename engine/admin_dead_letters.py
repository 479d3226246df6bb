"""Dead letters and workers, for people with admin rights."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from engine.admin_deeds import do_each
from engine.models import DeadLetter, Worker
from engine.services.dead_letters import dead_letter_discard, dead_letter_replay
from journeys.admin import ReadOnlyAdmin


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """What broke for good: those of no vendor are worked only here."""

    list_display = ("public_id", "kind", "status", "vendor", "error", "times", "first_at", "last_at")
    list_filter = ("status", "kind", "error_class", "vendor")
    list_select_related = ("vendor",)
    search_fields = ("public_id", "key")
    actions = ("replay", "discard")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        """Leave the content undecrypted until one letter is opened."""
        return super().get_queryset(request).defer("payload")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Show the content as text, and to superusers only: it holds personal data."""
        del obj
        fields = [field.name for field in DeadLetter._meta.fields if field.name not in {"id", "payload"}]  # noqa: SLF001 Django's documented door
        return [*fields, "content"] if getattr(request.user, "is_superuser", False) else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Show everything as it is."""
        return self.get_fields(request, obj)

    @admin.display(description="Content")
    def content(self, letter: DeadLetter) -> str:
        """Write everything that it holds."""
        return json.dumps(letter.payload, indent=2, ensure_ascii=False)

    @admin.action(description="Do it again")
    def replay(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        """Do the chosen letters again, each in a transaction of its own."""
        do_each(request=request, rows=queryset, deed=dead_letter_replay, argument="letter", done="done again")

    @admin.action(description="Discard")
    def discard(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        """Discard the chosen letters."""
        do_each(request=request, rows=queryset, deed=dead_letter_discard, argument="letter", done="discarded")


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """Who carries out steps, and who died in the last hour."""

    list_display = ("id", "name", "pid", "started_at", "missed_at")
    list_filter = ("name",)
