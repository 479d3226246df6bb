"""Files of templates, and differences."""

from __future__ import annotations

import re
from typing import Any

from rest_framework import serializers

from journeys.api.schema import Problem
from journeys.api.serializers.journeys import TemplateSummary
from journeys.api.strict import Flag, StrictSerializer, Text
from journeys.validation import MAX_DRAFT_BYTES

_WHICH = re.compile(r"current|draft|[1-9][0-9]{0,8}")


class Which(Text):
    """Take the number of a version, `current` or `draft`."""

    def to_internal_value(self, data: Any) -> str:
        """Return the word or the number as text."""
        value = super().to_internal_value(data)
        if not _WHICH.fullmatch(value):
            message = "Write the number of a version, current or draft."
            raise serializers.ValidationError(message)
        return value


class DiffQuery(StrictSerializer):
    """What to compare with what."""

    to = Which(required=False, help_text="A version's number, current or draft.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Give `from`, which is a word of the language, its field too."""
        return {
            "from": Which(required=False, source="from_", help_text="A version's number, current or draft."),
            **super().get_fields(),
        }


class FieldChange(serializers.Serializer[Any]):
    """One field that differs."""

    path = serializers.CharField()
    before = serializers.JSONField(required=False, help_text="Missing where there was nothing.")
    after = serializers.JSONField(required=False, help_text="Missing where there is nothing any more.")
    lines = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="For texts of several lines: what changed."
    )


class ChangedStep(serializers.Serializer[Any]):
    """One step that differs."""

    id = serializers.CharField()
    name = serializers.CharField()
    type = serializers.CharField()
    changes = FieldChange(many=True)


class StepChanges(serializers.Serializer[Any]):
    """Steps that came, went, or differ."""

    added = serializers.ListField(child=serializers.DictField())
    removed = serializers.ListField(child=serializers.DictField())
    changed = ChangedStep(many=True)


class ConnectionChanges(serializers.Serializer[Any]):
    """Connections that came or went."""

    added = serializers.ListField(child=serializers.DictField())
    removed = serializers.ListField(child=serializers.DictField())


class Changes(serializers.Serializer[Any]):
    """Everything that differs between two definitions."""

    steps = StepChanges()
    connections = ConnectionChanges()
    rest = FieldChange(many=True, help_text="Parameters, variables, exits, goals, entry, …")


class DiffAnswer(serializers.Serializer[Any]):
    """What differs, field by field and in sentences."""

    to = serializers.CharField()
    same = serializers.BooleanField()
    only_layout = serializers.BooleanField(help_text="Steps only stand elsewhere on the canvas.")
    sentences = serializers.ListField(child=serializers.CharField())
    changes = Changes()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Give `from`, which is a word of the language, its field too."""
        return {"from": serializers.CharField(source="from_"), **super().get_fields()}


class TemplateDiffAnswer(serializers.Serializer[Any]):
    """How a journey differs from its template."""

    template = TemplateSummary(allow_null=True)
    template_changed = serializers.BooleanField(
        help_text="The template says something else than when the journey was begun."
    )
    same = serializers.BooleanField()
    sentences = serializers.ListField(child=serializers.CharField())
    changes = Changes()


class ExportQuery(StrictSerializer):
    """As what."""

    format = serializers.ChoiceField(choices=("json", "yaml"), required=False)


class TemplateDocument(serializers.Serializer[Any]):
    """What the file of a template says."""

    key = serializers.CharField(allow_blank=True)
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    vendor_kind = serializers.CharField(allow_blank=True)
    definition = serializers.DictField()


class TemplateImport(StrictSerializer):
    """A file, as text."""

    content = Text(max_length=MAX_DRAFT_BYTES, trim_whitespace=False, help_text="The YAML.")
    key = Text(max_length=60, required=False, help_text="In place of the file's own key.")
    dry_run = Flag(default=False, help_text="Keep nothing, and say what is wrong or would change.")


class FileProblem(Problem):
    """One thing that is wrong with a file."""

    line = serializers.IntegerField(help_text="Counted from 1.")
    column = serializers.IntegerField(help_text="Counted from 1.")


class ImportAnswer(serializers.Serializer[Any]):
    """What came of a file."""

    valid = serializers.BooleanField()
    problems = FileProblem(many=True)
    is_new = serializers.BooleanField()
    changes = serializers.ListField(
        child=serializers.CharField(), help_text="Against the template of this key so far."
    )
    template = TemplateSummary(allow_null=True)
