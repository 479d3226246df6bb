"""When, and how often, couples may be written to."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from journeys.api.strict import StrictSerializer, Values


class ContactRulesDetail(serializers.Serializer[Any]):
    """The vendor's rules as they were written, and as they hold with their defaults."""

    sending_hours = serializers.DictField(
        help_text="Open hours by weekday, where the wedding is; {} is always."
    )
    contact_rules = serializers.DictField(help_text="What was written; what is left out has its default.")
    effective = serializers.DictField(help_text="Every rule with its value.")


class ContactRulesChange(StrictSerializer):
    """What changes; each replaces the old one whole."""

    sending_hours = Values(required=False, help_text='{"every": ["09:00", "19:00"], "sun": []}')
    contact_rules = Values(
        required=False,
        help_text="blackout, wedding_day, quiet_hours, cap, spacing, approve_all; see docs/sending.md.",
    )
