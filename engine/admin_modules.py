"""Modules, webhooks and what couples did on their pages, for people with admin rights."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest

from engine.models import (
    FormDraft,
    FormSubmission,
    IncomingHook,
    ModuleSetting,
    PageView,
    WebhookCall,
)
from engine.services.modules import checked_overrides, module_change
from journeys import clock
from journeys.admin import ReadOnlyAdmin, RecordAdmin, actor_of
from journeys.errors import Invalid
from journeys.language.modules import VENDOR_MODULES


class ModuleSettingForm(forms.ModelForm[ModuleSetting]):
    """Say what is wrong with overrides beside the form."""

    module = forms.ChoiceField(choices=[(name, name) for name in VENDOR_MODULES])

    def clean_overrides(self) -> dict[str, Any]:
        """Ask the service's own check."""
        given = self.cleaned_data.get("overrides") or {}
        try:
            return checked_overrides(given).as_json()
        except (Invalid, TypeError, ValueError) as error:
            message = getattr(error, "message", "Write an object, such as {}.")
            details = "; ".join(f"{name}: {said}" for name, said in getattr(error, "details", {}).items())
            raise forms.ValidationError(f"{message} {details}") from error


@admin.register(ModuleSetting)
class ModuleSettingAdmin(RecordAdmin):
    """Where modules are switched and reconfigured, for one vendor or for everybody."""

    form = ModuleSettingForm
    list_display = ("module", "vendor", "enabled", "overrides", "changed_at", "changed_by")
    list_filter = ("module", "enabled")
    list_select_related = ("vendor",)
    fields = ("vendor", "module", "enabled", "overrides")
    autocomplete_fields = ("vendor",)
    actions = ("switch_on", "switch_off")

    def get_readonly_fields(self, request: HttpRequest, obj: ModuleSetting | None = None) -> tuple[str, ...]:
        """Keep what a setting is about as it is."""
        del request
        return ("vendor", "module") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a setting is changed back, so that the trail tells of it."""
        del request, obj
        return False

    def save_model(self, request: HttpRequest, obj: ModuleSetting, form: Any, change: bool) -> None:  # noqa: FBT001 Django's signature
        """Hand what the form says to the service."""
        del form, change
        kept = module_change(
            vendor=obj.vendor,
            name=obj.module,
            enabled=obj.enabled,
            overrides=obj.overrides,
            now=clock.now(),
            actor=actor_of(request),
        )
        obj.pk, obj.public_id = kept.pk, kept.public_id

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: Any) -> None:
        """Let the steps that were held go on."""
        self._switch(request, queryset, enabled=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: Any) -> None:
        """Hold the steps of the chosen modules."""
        self._switch(request, queryset, enabled=False)

    def _switch(self, request: HttpRequest, queryset: Any, *, enabled: bool) -> None:
        for setting in queryset.select_related("vendor"):
            module_change(
                vendor=setting.vendor,
                name=setting.module,
                enabled=enabled,
                now=clock.now(),
                actor=actor_of(request),
            )
        messages.info(request, "The chosen modules are on." if enabled else "The chosen modules are off.")


@admin.register(WebhookCall)
class WebhookCallAdmin(ReadOnlyAdmin):
    """Calls to other services."""

    list_display = (
        "public_id",
        "vendor",
        "method",
        "host",
        "status",
        "response_status",
        "attempts",
        "called_at",
    )
    list_filter = ("status", "method")
    list_select_related = ("vendor",)
    search_fields = ("public_id", "host")


@admin.register(IncomingHook)
class IncomingHookAdmin(ReadOnlyAdmin):
    """Doors for other services; they are opened and rotated through the API."""

    list_display = ("public_id", "name", "vendor", "match", "is_active", "last_used_at")
    list_filter = ("is_active",)
    list_select_related = ("vendor",)
    exclude = ("token_index",)


@admin.register(FormSubmission)
class FormSubmissionAdmin(ReadOnlyAdmin):
    """Answers of couples; the answers themselves are shown to superusers only."""

    list_display = ("public_id", "vendor", "form", "client", "role", "submitted_at")
    list_select_related = ("vendor", "form", "client")
    search_fields = ("public_id", "client__public_id")


@admin.register(FormDraft)
class FormDraftAdmin(ReadOnlyAdmin):
    """Forms that somebody has begun to fill in."""

    list_display = ("instance", "vendor", "role", "saved_at")
    list_select_related = ("instance", "vendor")


@admin.register(PageView)
class PageViewAdmin(ReadOnlyAdmin):
    """Visits to the pages behind links."""

    list_display = ("instance", "vendor", "kind", "role", "count", "last_at")
    list_filter = ("kind",)
    list_select_related = ("instance", "vendor")
