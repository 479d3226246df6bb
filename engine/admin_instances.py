"""Instances for people with admin rights: the same controls as everywhere, and what was rolled back."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from engine.models import Instance, RollBack
from engine.services import bulk
from engine.services.rolling_back import Wish, reached_steps
from journeys import clock
from journeys.admin import ReadOnlyAdmin, actor_of
from journeys.models import Vendor


class RollBackForm(forms.Form):
    """To which step, and how."""

    node_id = forms.ChoiceField(label="Step")
    messages = forms.ChoiceField(choices=RollBack.Messages.choices)
    due = forms.ChoiceField(choices=RollBack.Due.choices, initial=RollBack.Due.BY_ITS_TIMING, label="When")
    reason = forms.CharField(required=False, max_length=300)

    def __init__(self, *args: object, steps: dict[str, str], **options: object) -> None:
        """Offer the steps that were reached."""
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.fields["node_id"] = forms.ChoiceField(label="Step", choices=list(steps.items()))

    def wish(self) -> Wish:
        """Give what was filled in."""
        given = self.cleaned_data
        return Wish(given["node_id"], given["messages"], given["due"], reason=given["reason"].strip())


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    """Instances; what one refuses does not stop the others."""

    list_display = (
        "public_id",
        "status",
        "vendor",
        "journey",
        "client",
        "started_at",
        "finished_at",
        "paused_by",
    )
    list_filter = ("status", "vendor")
    search_fields = ("public_id",)
    list_select_related = ("vendor", "journey", "client")
    ordering = ("-id",)
    actions = ("pause", "resume", "retry", "roll_back", "cancel")

    @admin.action(description="Pause")
    def pause(self, request: HttpRequest, queryset: QuerySet[Instance]) -> None:
        """Pause the chosen instances."""
        _each(request, queryset, "pause", "paused")

    @admin.action(description="Resume")
    def resume(self, request: HttpRequest, queryset: QuerySet[Instance]) -> None:
        """Resume the chosen instances."""
        _each(request, queryset, "resume", "resumed")

    @admin.action(description="Try again what failed")
    def retry(self, request: HttpRequest, queryset: QuerySet[Instance]) -> None:
        """Retry the chosen instances."""
        _each(request, queryset, "retry", "tried again")

    @admin.action(description="Cancel for good")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Instance]) -> None:
        """Cancel the chosen instances."""
        _each(request, queryset, "cancel", "cancelled")

    @admin.action(description="Roll back to a step")
    def roll_back(self, request: HttpRequest, queryset: QuerySet[Instance]) -> HttpResponse | None:
        """Ask for the step, then roll the chosen instances of one journey back."""
        if queryset.values("journey").distinct().count() > 1:
            messages.warning(request, "Choose instances of one journey: each journey has steps of its own.")
            return None
        steps: dict[str, str] = {}
        for instance in queryset[: bulk.MOST_AT_ONCE]:
            steps |= dict(reached_steps(instance))
        form = RollBackForm(request.POST if "roll" in request.POST else None, steps=steps)
        if form.is_valid():
            _each(request, queryset, bulk.ROLL_BACK, "rolled back", wish=form.wish())
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Roll back to a step",
            "form": form,
            "rows": queryset,
            "opts": self.model._meta,  # noqa: SLF001 Django's documented door
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/engine/roll_back.html", context)


def _each(
    request: HttpRequest, queryset: QuerySet[Instance], action: str, done: str, *, wish: Wish | None = None
) -> None:
    """Do it to the chosen instances, vendor by vendor and so many at once, and say how it went."""
    named: dict[Vendor, list[str]] = defaultdict(list)
    for instance in queryset.select_related("vendor").order_by("id"):
        named[instance.vendor].append(instance.public_id)
    now, actor = clock.now(), actor_of(request)
    carried_out, refused = 0, Counter[str]()
    for vendor, ids in named.items():
        waiting = iter(ids)
        while chunk := list(islice(waiting, bulk.MOST_AT_ONCE)):
            for one in bulk.carry_out(
                vendor=vendor, action=action, public_ids=chunk, wish=wish, now=now, actor=actor
            ):
                carried_out += one.ok
                refused.update([] if one.ok else [one.message])
    if carried_out:
        messages.success(request, f"{carried_out} {done}.")
    for sentence, times in refused.items():
        messages.warning(request, sentence if times == 1 else f"{times} times: {sentence}")


@admin.register(RollBack)
class RollBackAdmin(ReadOnlyAdmin):
    """What was rolled back, by whom and why."""

    list_display = ("public_id", "vendor", "instance", "node_id", "messages", "due", "made_by", "made_at")
    list_filter = ("messages", "vendor")
    list_select_related = ("vendor", "instance")
    search_fields = ("public_id", "instance__public_id", "node_id")
    ordering = ("-id",)
