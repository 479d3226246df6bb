"""Forms, pages and secrets of vendors, for people with admin rights; changed through the same services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from journeys import clock
from journeys.admin import ReadOnlyAdmin, RecordAdmin, actor_of
from journeys.errors import Invalid
from journeys.models import Form, InfoPage, VendorSecret
from journeys.services.forms import (
    checked_body,
    checked_fields,
    form_add,
    form_change,
    info_page_add,
    info_page_change,
)


def _beside_the_field(error: Invalid) -> forms.ValidationError:
    said = "; ".join(f"{name}: {message}" for name, message in error.details.items())
    return forms.ValidationError(said or error.message)


class FormForm(forms.ModelForm[Form]):
    """Say what is wrong with questions beside the form."""

    def clean_fields(self) -> list[dict[str, Any]]:
        """Ask the service's own check."""
        given = self.cleaned_data.get("fields")
        if not isinstance(given, list):
            raise forms.ValidationError('Write a list, such as [{"name": "guests", "label": "Guests"}].')
        try:
            return checked_fields(given)
        except Invalid as error:
            raise _beside_the_field(error) from error


class KeyedAdmin(RecordAdmin):
    """Rows that journeys name by a key, which never changes."""

    list_select_related = ("vendor",)
    list_filter = ("is_archived",)
    search_fields = ("public_id", "key", "title")
    autocomplete_fields = ("vendor",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep vendor and key as they are."""
        del request
        return ("vendor", "key") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: what journeys name is archived, not deleted."""
        del request, obj
        return False


@admin.register(Form)
class FormAdmin(KeyedAdmin):
    """What couples are asked."""

    form = FormForm
    list_display = ("public_id", "title", "key", "vendor", "is_archived", "updated_at")
    fields = ("vendor", "key", "title", "intro", "fields", "thanks", "is_archived")

    def save_model(self, request: HttpRequest, obj: Form, form: Any, change: bool) -> None:  # noqa: FBT001 Django's signature
        """Hand what the form says to the service."""
        words: dict[str, Any] = {
            "title": obj.title,
            "intro": obj.intro,
            "thanks": obj.thanks,
            "fields": obj.fields,
        }
        signed: dict[str, Any] = {"now": clock.now(), "actor": actor_of(request)}
        del form
        kept = (
            Form.objects.get(pk=obj.pk)
            if change
            else form_add(vendor=obj.vendor, key=obj.key, **words, **signed)
        )
        form_change(form=kept, is_archived=obj.is_archived, **words, **signed)
        obj.pk = kept.pk


class InfoPageForm(forms.ModelForm[InfoPage]):
    """Say what is wrong with a text beside the form."""

    def clean_body(self) -> str:
        """Ask the service's own check."""
        try:
            return checked_body(self.cleaned_data.get("body") or "")
        except Invalid as error:
            raise _beside_the_field(error) from error


@admin.register(InfoPage)
class InfoPageAdmin(KeyedAdmin):
    """What couples can read."""

    form = InfoPageForm
    list_display = ("public_id", "title", "key", "vendor", "is_archived", "updated_at")
    fields = ("vendor", "key", "title", "body", "is_archived")

    def save_model(self, request: HttpRequest, obj: InfoPage, form: Any, change: bool) -> None:  # noqa: FBT001 Django's signature
        """Hand what the form says to the service."""
        del form
        words: dict[str, Any] = {"title": obj.title, "body": obj.body}
        signed: dict[str, Any] = {"now": clock.now(), "actor": actor_of(request)}
        kept = (
            InfoPage.objects.get(pk=obj.pk)
            if change
            else info_page_add(vendor=obj.vendor, key=obj.key, **words, **signed)
        )
        info_page_change(page=kept, is_archived=obj.is_archived, **words, **signed)
        obj.pk = kept.pk


@admin.register(VendorSecret)
class VendorSecretAdmin(ReadOnlyAdmin):
    """Names of secrets; their values are shown to nobody."""

    list_display = ("public_id", "name", "vendor", "changed_at")
    list_select_related = ("vendor",)
    exclude = ("value", "previous")
