"""Journeys, versions and templates."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from journeys.api.schema import Problem, choice
from journeys.api.strict import StrictSerializer, Text, Values, Whole
from journeys.language.passages import MAX_DAYS
from journeys.models import Journey, JourneyTemplate, Vendor, Version

LONGEST_NAME = 200
LONGEST_DESCRIPTION = 5000

JourneyStatus = choice("JourneyStatus", Journey.Status.values)
ReEntry = choice("ReEntry", Journey.ReEntry.values)
VendorKind = choice("VendorKind", Vendor.Kind.values)


class VersionSummary(serializers.ModelSerializer[Version]):
    """One published version, without its definition."""

    id = serializers.CharField(source="public_id")

    class Meta:
        model = Version
        fields = ("id", "number", "repeats", "trigger_type", "digest", "published_at", "published_by")


class VersionDetail(VersionSummary):
    """One published version, whole."""

    definition = serializers.DictField()

    class Meta(VersionSummary.Meta):
        fields = (*VersionSummary.Meta.fields, "definition")  # type: ignore[assignment]


class JourneySummary(serializers.ModelSerializer[Journey]):
    """A journey, without its draft."""

    id = serializers.CharField(source="public_id")
    revision = serializers.IntegerField(source="draft_revision")
    status = JourneyStatus()
    re_entry = ReEntry()
    current_version = VersionSummary(allow_null=True)

    class Meta:
        model = Journey
        fields = (
            "id",
            "name",
            "description",
            "status",
            "re_entry",
            "re_entry_days",
            "template_key",
            "revision",
            "current_version",
            "created_at",
            "updated_at",
        )


class JourneyDetail(JourneySummary):
    """A journey with its draft."""

    definition = serializers.DictField(source="draft")

    class Meta(JourneySummary.Meta):
        fields = (*JourneySummary.Meta.fields, "definition")  # type: ignore[assignment]


class Definition(Values):
    """Take the definition of a journey; how it must look inside is told by `validate`."""


class JourneyCreate(StrictSerializer):
    """What a new journey needs."""

    name = Text(max_length=LONGEST_NAME)
    description = Text(max_length=LONGEST_DESCRIPTION, allow_blank=True, default="")
    re_entry = ReEntry(default=Journey.ReEntry.ONCE)
    re_entry_days = Whole(min_value=1, max_value=MAX_DAYS, required=False, help_text="For after_days.")
    definition = Definition(required=False)


class JourneyChange(StrictSerializer):
    """What can be changed in a journey; `revision` is the one you read."""

    revision = Whole(min_value=1, max_value=2**31 - 1)
    name = Text(max_length=LONGEST_NAME, required=False)
    description = Text(max_length=LONGEST_DESCRIPTION, allow_blank=True, required=False)
    re_entry = ReEntry(required=False)
    re_entry_days = Whole(min_value=1, max_value=MAX_DAYS, required=False, help_text="For after_days.")
    definition = Definition(required=False)


class JourneyReplace(JourneyChange):
    """A journey as it should be from now on."""

    name = Text(max_length=LONGEST_NAME)
    definition = Definition()


class JourneyDuplicate(StrictSerializer):
    """How the copy is called; without a name it is called a copy of the first."""

    name = Text(max_length=LONGEST_NAME, required=False)


class JourneyValidate(StrictSerializer):
    """What is to be checked; without a definition, the journey's draft."""

    definition = Definition(required=False)


class JourneyQuery(StrictSerializer):
    """Which journeys."""

    status = JourneyStatus(required=False)


class Validation(serializers.Serializer[Any]):
    """Whether a definition could be published."""

    valid = serializers.BooleanField()
    problems = Problem(many=True)


class TemplateSummary(serializers.ModelSerializer[JourneyTemplate]):
    """A template, without its definition."""

    id = serializers.CharField(source="public_id")
    own = serializers.SerializerMethodField(help_text="True when it is this vendor's own.")

    class Meta:
        model = JourneyTemplate
        fields = ("id", "key", "name", "description", "vendor_kind", "own", "created_at", "updated_at")

    def get_own(self, template: JourneyTemplate) -> bool:
        """Tell whether the vendor keeps it itself."""
        return template.vendor_id is not None


class TemplateDetail(TemplateSummary):
    """A template, whole."""

    definition = serializers.DictField()

    class Meta(TemplateSummary.Meta):
        fields = (*TemplateSummary.Meta.fields, "definition")  # type: ignore[assignment]


class TemplateQuery(StrictSerializer):
    """Which templates: those for this kind of vendor, and those for every kind."""

    vendor_kind = VendorKind(required=False)


class TemplateInstantiate(StrictSerializer):
    """How the journey made from a template is called, and which parameters differ."""

    name = Text(max_length=LONGEST_NAME, required=False)
    parameters = Values(default=dict)
