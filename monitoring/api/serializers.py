"""Alerts as integrations read them."""

from __future__ import annotations

from rest_framework import serializers

from journeys.api.schema import choice
from journeys.api.strict import StrictSerializer
from monitoring.models import Alert

AlertStatus = choice("AlertStatus", (Alert.Status.OPEN.value, Alert.Status.RESOLVED.value))
AlertLevel = choice("AlertLevel", Alert.Level.values)


class AlertQuery(StrictSerializer):
    """Which alerts."""

    status = AlertStatus(required=False)
    level = AlertLevel(required=False)


class AlertDetail(serializers.ModelSerializer[Alert]):
    """Something that is wrong, or was."""

    id = serializers.CharField(source="public_id")
    level = AlertLevel()
    status = AlertStatus()
    times = serializers.IntegerField(help_text="How often it was seen.")

    class Meta:
        model = Alert
        fields = (
            "id",
            "key",
            "level",
            "status",
            "title",
            "detail",
            "opened_at",
            "seen_at",
            "times",
            "resolved_at",
            "acknowledged_at",
            "acknowledged_by",
        )
        read_only_fields = fields
