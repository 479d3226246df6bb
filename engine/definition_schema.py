"""The JSON Schema of a journey's definition, with the settings of every step and trigger type installed here."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from journeys.language.definition import MAX_EDGES, MAX_NAMES, MAX_NODES, SCHEMA_VERSION
from journeys.language.kinds import PARAMETER_KINDS, VARIABLE_KINDS
from journeys.language.passages import MAX_CONDITION, MAX_RULES, Entry, LateStart
from journeys.language.registry import node_types, trigger_types
from journeys.language.structure import START

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MODE: JsonSchemaMode = "validation"
_NODE_ID = "^[a-z][a-z0-9_-]{0,63}$"
_NAME = "^[a-z][a-z0-9_]{0,63}$"


def definition_schema() -> dict[str, Any]:
    """Describe a whole definition.

    What hangs together over several fields (ports that lead somewhere, names that are declared) is not in it:
    `validate` tells that.
    """
    models: list[type[BaseModel]] = [Entry, LateStart]
    models += [one.settings_model for one in node_types]
    models += [one.settings_model for one in trigger_types]
    refs, whole = models_json_schema([(model, _MODE) for model in dict.fromkeys(models)])
    settings = {model: refs[model, _MODE] for model in dict.fromkeys(models)}
    steps = {
        f"step_{one.type}": _step(one.type, one.title, one.description, settings[one.settings_model])
        for one in node_types
    }
    triggers = {
        f"trigger_{one.type}": _trigger(one.type, one.title, settings[one.settings_model])
        for one in trigger_types
    }
    return {
        "$schema": DIALECT,
        "title": "Journey",
        "description": "The definition of a WedSync journey.",
        "type": "object",
        "required": ["schema_version", "nodes"],
        "additionalProperties": False,
        "properties": {
            "schema_version": {"const": SCHEMA_VERSION},
            "description": {"type": "string", "description": "What the journey is for, for people."},
            "parameters": _declarations(
                "Values that the vendor may change for the whole journey.", _parameter()
            ),
            "variables": _declarations("Values that every passage has for itself.", _variable()),
            "nodes": {
                "description": "The steps.",
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_NODES,
                "items": {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in steps]},
            },
            "edges": {
                "description": "The connections.",
                "type": "array",
                "maxItems": MAX_EDGES,
                "items": _edge(),
            },
            "exits": _rules("End the passage when one holds: it has lost its sense."),
            "goals": _rules("End the passage when one holds: it has reached what it is for."),
            "entry": {**settings[Entry], "description": "Who may enter, how often, and how many."},
            "on_wedding_cancelled": {
                "enum": ["end", "go_on"],
                "default": "end",
                "description": "What becomes of a passage whose wedding is cancelled.",
            },
            "late_start": {
                **settings[LateStart],
                "description": "What happens when dated steps are past already when a passage starts.",
            },
            "layout": {"description": "Where things stand on the canvas; says nothing about the journey."},
        },
        "$defs": {**whole.get("$defs", {}), **steps, **triggers},
    }


def _step(type_: str, title: str, description: str, settings: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = settings
    if type_ == START:
        triggers = [{"$ref": f"#/$defs/trigger_{one.type}"} for one in trigger_types]
        told = {"allOf": [settings, {"properties": {"trigger": {"oneOf": triggers}}}]}
    return {
        "title": title,
        "description": description,
        "type": "object",
        "required": ["id", "type"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string", "pattern": _NODE_ID},
            "type": {"const": type_},
            "name": {"type": "string", "maxLength": MAX_NAMES},
            "settings": told,
            "position": {"description": "Where it stands on the canvas."},
            "note": {"description": "For the vendor's own people."},
        },
    }


def _trigger(type_: str, title: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"const": type_}, "settings": settings, "where": {"type": "string"}},
    }


def _edge() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["from", "to"],
        "additionalProperties": False,
        "properties": {
            "from": {"type": "string", "description": "Id of the step that is left."},
            "port": {"type": "string", "default": "next"},
            "to": {"type": "string", "description": "Id of the step behind."},
            "label": {"type": "string"},
        },
    }


def _rules(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "type": "array",
        "maxItems": MAX_RULES,
        "items": {
            "type": "object",
            "required": ["name", "if"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string", "pattern": _NODE_ID},
                "if": {"type": "string", "minLength": 1, "maxLength": MAX_CONDITION},
            },
        },
    }


def _declarations(description: str, entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": description,
        "type": "object",
        "maxProperties": MAX_NAMES,
        "propertyNames": {"pattern": _NAME},
        "additionalProperties": entry,
    }


def _parameter() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["kind", "value"],
        "properties": {
            "kind": {"enum": list(PARAMETER_KINDS)},
            "value": {"description": "The value where the vendor has none of its own."},
            "label": {"type": "string"},
            "help": {"type": "string"},
        },
    }


def _variable() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["kind"],
        "properties": {
            "kind": {"enum": list(VARIABLE_KINDS)},
            "default": {"description": "Without one, a value is needed when a passage starts."},
        },
    }
