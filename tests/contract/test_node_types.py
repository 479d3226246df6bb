"""What every step type keeps to, from the day it is registered."""

from __future__ import annotations

import inspect
import json

import pytest

from engine.discovery import discover
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings

discover()

EVERY = pytest.mark.parametrize("node_type", list(node_types), ids=node_types.types())


@EVERY
def test_a_step_type_says_what_it_is(node_type: NodeType) -> None:
    assert node_type.title
    assert node_type.description
    assert node_type.icon
    assert inspect.getmodule(type(node_type)).__name__ == f"engine.nodes.{node_type.type}"


@EVERY
def test_a_step_types_settings_have_a_schema_that_a_form_can_be_drawn_from(node_type: NodeType) -> None:
    schema = node_type.settings_model.model_json_schema()

    assert json.loads(json.dumps(schema)) == schema
    assert issubclass(node_type.settings_model, NodeSettings)
    assert schema.get("additionalProperties") is False


@EVERY
def test_a_step_types_ports_are_named_once(node_type: NodeType) -> None:
    ports = (*node_type.ports, *node_type.optional_ports)

    assert len(set(ports)) == len(ports)
    assert all(port.isidentifier() for port in ports)


@EVERY
def test_a_step_type_touches_nothing_itself(node_type: NodeType) -> None:
    source = inspect.getsource(inspect.getmodule(type(node_type)))

    for forbidden in ("django", "celery", "redis", "requests", "datetime.now", "time.time"):
        assert forbidden not in source
