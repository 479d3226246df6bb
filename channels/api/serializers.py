"""Messages as integrations read them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from channels.models import Circuit, DeliveryEvent, Message
from journeys.api.strict import StrictSerializer

LONGEST_ID = 32


class MessageQuery(StrictSerializer):
    """Filters of the list of messages."""

    client_id = serializers.CharField(required=False, max_length=LONGEST_ID)
    instance_id = serializers.CharField(required=False, max_length=LONGEST_ID)
    channel = serializers.ChoiceField(required=False, choices=["email", "sms"])
    status = serializers.ChoiceField(required=False, choices=Message.Status.choices)
    delivery = serializers.ChoiceField(
        required=False, choices=[choice for choice in Message.Delivery.choices if choice[0]]
    )


class MessageDetail(serializers.ModelSerializer[Message]):
    """A message: to whom, by which way, and what became of it."""

    id = serializers.CharField(source="public_id")
    client_id = serializers.CharField(source="client.public_id")
    instance_id = serializers.CharField(source="instance_ref", help_text="Empty for a message sent by hand.")

    class Meta:
        model = Message
        fields = (
            "id",
            "client_id",
            "instance_id",
            "node_id",
            "channel",
            "provider",
            "purpose",
            "recipient_role",
            "recipient_name",
            "address",
            "subject",
            "status",
            "delivery",
            "attempt",
            "error_class",
            "error_code",
            "reason",
            "settled_by",
            "created_at",
            "sending_at",
            "in_doubt_since",
            "settled_at",
        )
        read_only_fields = fields


class DeliveryEventDetail(serializers.ModelSerializer[DeliveryEvent]):
    """One report of the provider."""

    class Meta:
        model = DeliveryEvent
        fields = ("kind", "occurred_at", "received_at")
        read_only_fields = fields


class MessageWhole(MessageDetail):
    """The same with its text and everything that was heard of it."""

    text = serializers.CharField(source="body_text")
    html = serializers.CharField(source="body_html")
    events = serializers.SerializerMethodField(
        help_text="What the provider reported, in the order of receipt."
    )

    class Meta(MessageDetail.Meta):
        fields = (*MessageDetail.Meta.fields, "text", "html", "events")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    def get_events(self, message: Message) -> list[dict[str, Any]]:
        """List what was heard."""
        return [
            dict(row) for row in DeliveryEventDetail(message.delivery_events.order_by("id"), many=True).data
        ]


class CircuitQuery(StrictSerializer):
    """Filters of the list of circuits."""

    kind = serializers.ChoiceField(required=False, choices=Circuit.Kind.choices)
    state = serializers.ChoiceField(required=False, choices=Circuit.State.choices)


class CircuitDetail(serializers.ModelSerializer[Circuit]):
    """A circuit: whether anything goes through now, and if not, why and until when."""

    id = serializers.CharField(source="public_id")
    lets_through = serializers.BooleanField(
        help_text="Whether everything goes through now; steps wait where it does not."
    )
    opened_at = serializers.DateTimeField(allow_null=True, help_text="Since when it has not worked.")
    probe_at = serializers.DateTimeField(allow_null=True, help_text="When the next one is tried.")

    class Meta:
        model = Circuit
        fields = (
            "id",
            "kind",
            "name",
            "state",
            "lets_through",
            "forced",
            "reason",
            "code",
            "opened_at",
            "opens",
            "probe_at",
            "changed_by",
            "changed_at",
        )
        read_only_fields = fields
