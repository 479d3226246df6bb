"""Modules, webhooks both ways, and the answers to forms."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from engine.models import FormSubmission, IncomingHook, WebhookCall
from engine.services.failures import retry_policy
from engine.services.modules import Effective
from journeys.api.schema import choice
from journeys.api.strict import Flag, StrictSerializer, Text, Values
from journeys.language.modules import Module

HookMatch = choice("HookMatch", IncomingHook.Match.values)
CallStatus = choice("CallStatus", WebhookCall.Status.values)


class ModuleLimits(serializers.Serializer[Any]):
    """What one execution, and one vendor, may use."""

    time_seconds = serializers.FloatField(help_text="Most seconds of the call to the outside.")
    memory_mb = serializers.IntegerField(help_text="What one execution needs, for sizing workers.")
    per_minute = serializers.IntegerField(help_text="Most executions of one vendor in a minute.")


class ModuleRetries(serializers.Serializer[Any]):
    """How often a failed step is tried, and at what pace."""

    max_attempts = serializers.IntegerField()
    base_seconds = serializers.FloatField()
    cap_seconds = serializers.FloatField()


class ModuleRule(serializers.Serializer[Any]):
    """What a module does near the wedding day."""

    kind = serializers.CharField()
    says = serializers.CharField()
    days = serializers.IntegerField()
    purpose = serializers.CharField()


class ModuleValues(serializers.Serializer[Any]):
    """Limits, target, retries and rules."""

    limits = ModuleLimits()
    target_ms = serializers.IntegerField(help_text="What one execution should take at most.")
    retries = ModuleRetries()
    wedding_rules = ModuleRule(many=True)


class ModuleDetail(serializers.Serializer[Any]):
    """A module as it is declared, and as it works for this vendor now."""

    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    icon = serializers.CharField()
    enabled = serializers.BooleanField()
    off_for_everybody = serializers.BooleanField(help_text="The operators have switched it off.")
    settings = serializers.DictField(help_text="JSON schema of its steps' settings.")
    declared = ModuleValues()
    effective = ModuleValues()
    overrides = serializers.DictField(help_text="What this vendor has set differently.")


class ModuleChange(StrictSerializer):
    """Switch a module, or set what differs from its declaration; what is left out stays."""

    enabled = Flag(required=False)
    overrides = Values(
        required=False, help_text="Replaces the vendor's overrides whole: limits, target_ms, retries."
    )


def module_values(module: Module) -> dict[str, Any]:
    """Give what a module declares, with the system's own retries where it has none."""
    return {
        "limits": module.limits,
        "target_ms": module.target_ms,
        "retries": module.retries or retry_policy(),
        "wedding_rules": module.wedding_rules,
    }


def module_detail(effective: Effective) -> dict[str, Any]:
    """Give what ModuleDetail writes."""
    node_type = effective.node_type
    return {
        "name": node_type.type,
        "title": node_type.title,
        "description": node_type.description,
        "icon": node_type.icon,
        "enabled": effective.enabled,
        "off_for_everybody": effective.off_for_everybody,
        "settings": node_type.settings_model.model_json_schema(),
        "declared": module_values(node_type.module or effective.module),
        "effective": module_values(effective.module),
        "overrides": effective.overrides.as_json(),
    }


class WebhookCallDetail(serializers.ModelSerializer[WebhookCall]):
    """A call to another service."""

    id = serializers.CharField(source="public_id")
    instance_id = serializers.CharField(source="instance.public_id")
    status = CallStatus()
    excerpt = serializers.CharField(help_text="The beginning of the last answer.")

    class Meta:
        model = WebhookCall
        fields = (
            "id",
            "instance_id",
            "node_id",
            "method",
            "host",
            "status",
            "attempts",
            "response_status",
            "excerpt",
            "error_code",
            "created_at",
            "called_at",
            "settled_at",
        )


class WebhookCallQuery(StrictSerializer):
    """Filters of calls."""

    status = CallStatus(required=False)
    instance_id = serializers.CharField(required=False, max_length=32)


class IncomingHookDetail(serializers.ModelSerializer[IncomingHook]):
    """A door for another service; its address is shown when it is made or rotated."""

    id = serializers.CharField(source="public_id")
    match = HookMatch()

    class Meta:
        model = IncomingHook
        fields = (
            "id",
            "name",
            "match",
            "match_path",
            "id_path",
            "is_active",
            "created_at",
            "rotated_at",
            "last_used_at",
        )


class IncomingHookOpened(serializers.Serializer[Any]):
    """A door with its address, shown this once."""

    hook = IncomingHookDetail()
    url = serializers.CharField(help_text="POST JSON here; the last part is the secret.")


class IncomingHookCreate(StrictSerializer):
    """What a new door needs."""

    name = serializers.RegexField(r"^[a-z][a-z0-9_]{0,59}$", help_text="The topic of its events.")
    match = HookMatch(default=IncomingHook.Match.CLIENT_ID)
    match_path = Text(max_length=200, default="client_id", help_text="Where the client stands in the JSON.")
    id_path = Text(
        max_length=200, default="", allow_blank=True, help_text="Where the sender's own id stands."
    )


class IncomingHookChange(StrictSerializer):
    """What may change of a door; what is left out stays."""

    match = HookMatch(required=False)
    match_path = Text(max_length=200, required=False)
    id_path = Text(max_length=200, required=False, allow_blank=True)
    is_active = Flag(required=False)


class SubmissionDetail(serializers.ModelSerializer[FormSubmission]):
    """The answers to one request."""

    id = serializers.CharField(source="public_id")
    client_id = serializers.CharField(source="client.public_id")
    instance_id = serializers.CharField(source="instance.public_id")
    answers = serializers.DictField()
    asked = serializers.ListField(
        child=serializers.DictField(), help_text="The questions as they stood then."
    )

    class Meta:
        model = FormSubmission
        fields = ("id", "client_id", "instance_id", "role", "answers", "asked", "submitted_at")
