"""How a journey is entered is read without the rest of it, and says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.discovery import discover
from engine.entrances import read_entrance
from engine.nodes.start import StartSettings
from journeys.language.errors import DefinitionInvalid
from journeys.language.graph import read_graph
from journeys.language.registry import node_types, trigger_types
from tests.builders import a_journey

discover()

TEMPLATES = sorted((Path(__file__).parents[3] / "journeys" / "templates").glob("*.yaml"))


def definitions() -> list[Any]:
    built = {
        "parameters": a_journey()
        .parameter("lead", kind="offset", value="-3d")
        .trigger("date_based", anchor="wedding", offset="$lead", at="08:00")
        .email("hello")
        .definition(),
        "filter": a_journey().trigger("payment_received", where="trigger.amount > 5", kind="a").definition(),
    }
    found = [pytest.param(one, id=name) for name, one in built.items()]
    for path in TEMPLATES:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        found.append(pytest.param(content.get("definition", content), id=path.stem))
    return found


@pytest.mark.parametrize("definition", definitions())
def test_an_entrance_says_what_the_whole_journey_says(definition: dict[str, Any]) -> None:
    graph = read_graph(definition, node_types=node_types, trigger_types=trigger_types)
    assert isinstance(graph.start.settings, StartSettings)
    trigger = graph.start.settings.trigger

    entrance = read_entrance(definition)

    assert (trigger.type, trigger.where) == (entrance.trigger.type, entrance.where)
    assert dict(graph.parameters) == dict(entrance.parameters)
    assert entrance.wanted == trigger_types.get(trigger.type).settings_model.model_validate(
        trigger.settings, context={"parameters": graph.parameters}
    )


def test_a_start_that_can_not_be_read_is_an_error_that_is_known() -> None:
    definition = a_journey().trigger("comet").definition()

    with pytest.raises(DefinitionInvalid):
        read_entrance(definition)
