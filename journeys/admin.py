"""The records, for people who look after the system.

What has consequences (weddings, clients, journeys) is changed through the API and the pages, which do what belongs
to it; here it is read. Vendors, memberships, tasks and keys are worked here too, through the same services.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from journeys import clock
from journeys.contacts import normal_email, normal_phone
from journeys.errors import Invalid, ServiceError
from journeys.fields import EncryptedField
from journeys.models import (
    ApiKey,
    AuditRecord,
    Client,
    ClockShift,
    IdempotencyRecord,
    Journey,
    JourneyTemplate,
    Membership,
    Stakeholder,
    Tag,
    Task,
    Vendor,
    Version,
    Wedding,
    WeddingAnchor,
)
from journeys.services.api_keys import api_key_create, api_key_revoke
from journeys.services.tasks import task_finish
from journeys.services.vendors import (
    membership_add,
    membership_remove,
    vendor_add,
    vendor_change_settings,
    vendor_check,
)


def actor_of(request: HttpRequest) -> str:
    """Name the person at the admin as the audit trail does."""
    return f"user:{request.user.pk}"


class RecordAdmin(admin.ModelAdmin[Any]):
    """Show rows by their public id; personal data only to superusers; newest first, without counting them all."""

    show_full_result_count = False
    list_per_page = 50
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Leave encrypted fields out for everybody but superusers."""
        exclude = list(super().get_exclude(request, obj) or ())
        if not getattr(request.user, "is_superuser", False):
            fields = self.model._meta.get_fields()  # noqa: SLF001 Django's documented door
            exclude += [field.name for field in fields if isinstance(field, EncryptedField)]
        return exclude


class ReadOnlyAdmin(RecordAdmin):
    """Show and change nothing."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: rows are made by services."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: rows are changed by services."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: nothing disappears by a click."""
        del request, obj
        return False


class VendorForm(forms.ModelForm[Vendor]):
    """Say what is wrong with a vendor beside the form instead of after it."""

    def clean(self) -> dict[str, Any]:
        """Ask the service's own check."""
        given = super().clean() or {}
        given |= {
            name: given[name] or {}
            for name in ("sending_hours", "contact_rules", "settings")
            if name in given
        }
        try:
            if "email" in given:
                given["email"] = normal_email(given["email"])
            if "phone" in given:
                given["phone"] = normal_phone(given["phone"], region=given.get("region", ""))
            kept = {field.attname: getattr(self.instance, field.attname) for field in Vendor._meta.fields}  # noqa: SLF001 Django's documented door
            vendor_check(vendor=Vendor(**{**kept, **given}))
        except Invalid as error:
            raise forms.ValidationError(error.message) from error
        return given


@admin.register(Vendor)
class VendorAdmin(RecordAdmin):
    """Vendors are added and changed through their service."""

    form = VendorForm
    list_display = ("public_id", "name", "kind", "region", "time_zone", "is_active")
    list_filter = ("kind", "is_active")
    search_fields = ("public_id", "name")
    readonly_fields = ("public_id", "created_at")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: a vendor is switched off, not deleted."""
        del request, obj
        return False

    def save_model(self, request: HttpRequest, obj: Vendor, form: Any, change: bool) -> None:  # noqa: FBT001 Django's signature
        """Hand what the form says to the service."""
        now, actor = clock.now(), actor_of(request)
        if change:
            given = {name: form.cleaned_data[name] for name in form.changed_data}
            vendor_change_settings(vendor=obj, now=now, actor=actor, **given)
            return
        given = dict(form.cleaned_data)
        is_active = given.pop("is_active")
        added = vendor_add(now=now, actor=actor, **given)
        if not is_active:
            vendor_change_settings(vendor=added, is_active=False, now=now, actor=actor)
        obj.pk, obj.public_id = added.pk, added.public_id


@admin.register(Membership)
class MembershipAdmin(RecordAdmin):
    """Who may work for whom."""

    list_display = ("vendor", "user", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("vendor", "user")
    autocomplete_fields = ("vendor",)
    readonly_fields = ("created_at",)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Let only the role of a known membership change."""
        del request
        return ("created_at", "vendor", "user") if obj else ("created_at",)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:  # noqa: FBT001 Django's signature
        """Hand what the form says to the service."""
        del form, change
        kept = membership_add(
            vendor=obj.vendor, user=obj.user, role=obj.role, now=clock.now(), actor=actor_of(request)
        )
        obj.pk = kept.pk

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        """End a membership through the service."""
        membership_remove(membership=obj, now=clock.now(), actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """End the chosen memberships through the service."""
        for membership in queryset:
            self.delete_model(request, membership)


@admin.register(ApiKey)
class ApiKeyAdmin(RecordAdmin):
    """Keys are shown once, when they are made."""

    list_display = ("prefix", "name", "vendor", "created", "revoked")
    list_filter = ("revoked",)
    list_select_related = ("vendor",)
    ordering: ClassVar[tuple[str, ...]] = ("-created",)
    fields = ("vendor", "name")
    autocomplete_fields = ("vendor",)
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Allow the list's actions; a key itself never changes."""
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: a key is revoked, not deleted."""
        del request, obj
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:  # noqa: FBT001 Django's signature
        """Make the key through the service and show it this once."""
        del form, change
        key, plain = api_key_create(
            vendor=obj.vendor, name=obj.name, now=clock.now(), actor=actor_of(request)
        )
        obj.pk = key.pk
        messages.warning(request, f"The key is {plain}. Copy it now: it is kept nowhere.")

    @admin.action(description="Revoke the chosen keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Make the chosen keys useless."""
        for key in queryset:
            api_key_revoke(key=key, now=clock.now(), actor=actor_of(request))
        messages.info(request, "The chosen keys no longer open anything.")


class TaskDoneForm(ActionForm):
    """How the chosen tasks came out, beside the action that finishes them."""

    choice = forms.CharField(required=False, max_length=40, label="Came out as")


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    """What vendors have to do by hand."""

    action_form = TaskDoneForm
    list_display = ("public_id", "vendor", "client", "due_on", "choices", "choice", "done_at")
    list_filter = (("done_at", admin.EmptyFieldListFilter),)
    list_select_related = ("vendor", "client")
    search_fields = ("public_id", "client__public_id")
    actions = ("finish",)

    def has_finish_permission(self, request: HttpRequest) -> bool:
        """Let whoever may change tasks finish them."""
        return request.user.has_perm("journeys.change_task")

    @admin.action(description="Mark as done", permissions=["finish"])
    def finish(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Finish the chosen tasks; those whose choice is missing or unknown stay open."""
        choice, now = request.POST.get("choice", "").strip(), clock.now()
        done = 0
        for task in queryset:
            try:
                task_finish(task=task, choice=choice, now=now, actor=actor_of(request))
                done += 1
            except ServiceError as error:
                messages.warning(request, f"{task}: {error.message}")
        messages.info(request, f"Tasks done: {done}.")


class StakeholderInline(admin.StackedInline[Stakeholder, Wedding]):
    """The people around a wedding."""

    model = Stakeholder
    extra = 0
    fields = ("public_id", "role", "locale", "email_allowed", "sms_allowed")
    readonly_fields = fields
    can_delete = False


class AnchorInline(admin.TabularInline[WeddingAnchor, Wedding]):
    """The other dates of a wedding."""

    model = WeddingAnchor
    extra = 0
    fields = ("name", "date", "time", "time_zone")
    readonly_fields = fields
    can_delete = False


@admin.register(Client)
class ClientAdmin(ReadOnlyAdmin):
    """The couples."""

    list_display = ("public_id", "vendor", "status", "locale", "external_ref", "created_at")
    list_filter = ("status",)
    list_select_related = ("vendor",)
    search_fields = ("public_id", "external_ref")


@admin.register(Wedding)
class WeddingAdmin(ReadOnlyAdmin):
    """Their weddings, with dates and people."""

    list_display = ("public_id", "vendor", "client", "status", "date", "time", "time_zone")
    list_filter = ("status",)
    list_select_related = ("vendor", "client")
    search_fields = ("public_id", "client__public_id")
    inlines = (AnchorInline, StakeholderInline)


@admin.register(Stakeholder)
class StakeholderAdmin(ReadOnlyAdmin):
    """The people around weddings."""

    list_display = ("public_id", "vendor", "wedding", "role", "email_allowed", "sms_allowed")
    list_filter = ("role",)
    list_select_related = ("vendor", "wedding")
    search_fields = ("public_id", "wedding__public_id")


@admin.register(WeddingAnchor)
class WeddingAnchorAdmin(ReadOnlyAdmin):
    """The dates that steps hang on."""

    list_display = ("wedding", "name", "date", "time", "time_zone")
    list_filter = ("name",)
    list_select_related = ("wedding",)
    search_fields = ("wedding__public_id",)


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    """The words vendors put on clients."""

    list_display = ("name", "vendor")
    list_select_related = ("vendor",)
    search_fields = ("name",)


@admin.register(Journey)
class JourneyAdmin(ReadOnlyAdmin):
    """What vendors edit and publish."""

    list_display = ("public_id", "name", "vendor", "status", "current_version", "updated_at")
    list_filter = ("status",)
    list_select_related = ("vendor", "current_version")
    search_fields = ("public_id", "name")


@admin.register(Version)
class VersionAdmin(ReadOnlyAdmin):
    """Published definitions, which never change."""

    list_display = ("public_id", "journey", "number", "trigger_type", "published_at", "published_by")
    list_select_related = ("journey",)
    search_fields = ("public_id", "journey__public_id", "digest")


@admin.register(JourneyTemplate)
class JourneyTemplateAdmin(ReadOnlyAdmin):
    """Journeys to begin from."""

    list_display = ("key", "name", "vendor_kind", "vendor", "updated_at")
    list_filter = ("vendor_kind",)
    list_select_related = ("vendor",)
    search_fields = ("key", "name", "public_id")


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin):
    """Who did what, when."""

    list_display = ("at", "actor", "action", "object_type", "object_id", "vendor")
    list_filter = ("object_type",)
    list_select_related = ("vendor",)
    search_fields = ("=object_id", "=actor", "=action")
    ordering: ClassVar[tuple[str, ...]] = ("-at", "-pk")


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    """Answers remembered for repeated requests."""

    list_display = ("key", "vendor", "status", "created_at")
    list_select_related = ("vendor",)


@admin.register(ClockShift)
class ClockShiftAdmin(ReadOnlyAdmin):
    """How far the engine's time is ahead."""

    list_display = ("id", "shift")


from journeys import admin_forms  # noqa: E402, F401 the same register, in a file of its own
