"""Messages in doubt, and what a person says about them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from journeys.api.schema import choice
from journeys.api.strict import Flag, StrictSerializer

DoubtDecider = choice("DoubtDecider", ("provider", "rule", "person"))
DoubtStatus = choice("DoubtStatus", ("in_doubt", "unknown"))


class DoubtQuery(StrictSerializer):
    """Which of them."""

    status = DoubtStatus(required=False)
    channel = serializers.ChoiceField(required=False, choices=["email", "sms"])


class DoubtDetail(serializers.Serializer[Any]):
    """A message of which nobody knows whether it went out, and how it goes on."""

    id = serializers.CharField(source="message.public_id")
    status = DoubtStatus(source="message.status")
    channel = serializers.CharField(source="message.channel")
    provider = serializers.CharField(source="message.provider")
    client_id = serializers.CharField(source="message.client.public_id")
    instance_id = serializers.CharField(
        source="message.instance_ref", help_text="Empty for a message that no step sent."
    )
    node_id = serializers.CharField(source="message.node_id")
    node_name = serializers.CharField(source="step")
    recipient_role = serializers.CharField(source="message.recipient_role")
    since = serializers.DateTimeField()
    decides = DoubtDecider(help_text="Who answers next: the provider, the step's own rule, or a person.")
    next_at = serializers.DateTimeField(allow_null=True, help_text="When it is looked into next.")
    rule_at = serializers.DateTimeField(
        allow_null=True, help_text="When the step's own rule settles it at the latest."
    )
    outlook = serializers.CharField(help_text="What happens next, as a sentence.")
    can_resend = serializers.BooleanField(help_text="Its step stands and would send it again.")


class DoubtSettleInput(StrictSerializer):
    """What a person knows."""

    sent = Flag(help_text="true: it went out. false: it did not; the step sends it again.")
