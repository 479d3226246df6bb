"""Forms and information pages."""

from __future__ import annotations

from typing import Any, get_args

from rest_framework import serializers

from journeys.api.schema import choice
from journeys.api.strict import Flag, StrictSerializer, Text
from journeys.language.forms import MOST_FIELDS, MOST_OPTIONS, FieldKind
from journeys.models import Form, InfoPage
from journeys.services.forms import LONGEST_BODY, LONGEST_TEXT, LONGEST_TITLE

KEY = r"^[a-z][a-z0-9_]{0,59}$"

FormFieldKind = choice("FormFieldKind", get_args(FieldKind))


class FormFieldValue(StrictSerializer):
    """One question."""

    name = Text(max_length=40, help_text="What journeys read the answer by: forms.answers.<key>.<name>.")
    label = Text(max_length=200)  # type: ignore[assignment] # the question's own word
    kind = FormFieldKind(default="text")
    required = Flag(default=False)  # type: ignore[assignment] # as above
    options = serializers.ListField(
        child=Text(max_length=200), default=list, max_length=MOST_OPTIONS, help_text="For choices only."
    )
    help = Text(max_length=500, default="", allow_blank=True)


class FormDetail(serializers.ModelSerializer[Form]):
    """A form with its questions."""

    id = serializers.CharField(source="public_id")
    fields = FormFieldValue(many=True)  # type: ignore[assignment] # the form's own word; the framework's stays

    class Meta:
        model = Form
        fields = (
            "id",
            "key",
            "title",
            "intro",
            "fields",
            "thanks",
            "is_archived",
            "created_at",
            "updated_at",
        )


class FormCreate(StrictSerializer):
    """What a new form needs."""

    key = serializers.RegexField(KEY, help_text="What journeys name it by; it never changes.")
    title = Text(max_length=LONGEST_TITLE)
    fields = serializers.ListField(  # type: ignore[assignment] # as above
        child=FormFieldValue(), min_length=1, max_length=MOST_FIELDS
    )
    intro = Text(max_length=LONGEST_TEXT, default="", allow_blank=True, help_text="Markdown.")
    thanks = Text(max_length=LONGEST_TEXT, default="", allow_blank=True, help_text="Markdown.")


class FormChange(StrictSerializer):
    """What may change of a form; what is left out stays."""

    title = Text(max_length=LONGEST_TITLE, required=False)
    fields = serializers.ListField(  # type: ignore[assignment] # as above
        child=FormFieldValue(), min_length=1, max_length=MOST_FIELDS, required=False
    )
    intro = Text(max_length=LONGEST_TEXT, required=False, allow_blank=True)
    thanks = Text(max_length=LONGEST_TEXT, required=False, allow_blank=True)
    is_archived = Flag(required=False)


class ArchivedQuery(StrictSerializer):
    """Filters of forms and pages."""

    is_archived = serializers.BooleanField(default=False)
    key = serializers.RegexField(KEY, required=False)


class InfoPageDetail(serializers.ModelSerializer[InfoPage]):
    """A page that couples read."""

    id = serializers.CharField(source="public_id")

    class Meta:
        model = InfoPage
        fields = ("id", "key", "title", "body", "is_archived", "created_at", "updated_at")


class InfoPageCreate(StrictSerializer):
    """What a new page needs."""

    key = serializers.RegexField(KEY, help_text="What journeys name it by; it never changes.")
    title = Text(max_length=LONGEST_TITLE)
    body = Text(max_length=LONGEST_BODY, help_text="Markdown with the couple's facts, as in a letter.")


class InfoPageChange(StrictSerializer):
    """What may change of a page; what is left out stays."""

    title = Text(max_length=LONGEST_TITLE, required=False)
    body = Text(max_length=LONGEST_BODY, required=False)
    is_archived = Flag(required=False)


class SecretDetail(serializers.Serializer[Any]):
    """A secret, by name: its value is never shown."""

    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class SecretSet(StrictSerializer):
    """A secret and its value."""

    name = serializers.RegexField(r"^[a-z][a-z0-9_]{0,39}$", help_text="What headers name it by.")
    value = Text(max_length=4000, trim_whitespace=False)


class SigningSecret(serializers.Serializer[Any]):
    """The secret that calls are signed with."""

    secret = serializers.CharField(help_text="whsec_ and base64, as Standard Webhooks libraries take it.")
    changed_at = serializers.DateTimeField()
    previous_until = serializers.DateTimeField(
        allow_null=True, help_text="Until when calls are signed with the one before, too."
    )
