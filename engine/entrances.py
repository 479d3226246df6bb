"""What lets somebody into a journey by itself, without the rest of it: read once for each version, and very small.

An event asks all live journeys of a vendor, and the clock those of all vendors: many more than `engine.graphs` keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from engine.nodes.start import Start, StartSettings
from journeys.language.definition import read_draft
from journeys.language.errors import DefinitionInvalid
from journeys.language.registry import TriggerType, node_types, trigger_types
from journeys.models import Version

#: Versions kept in memory, some kilobytes each; all are forgotten at once. A version never changes.
KEPT = 20_000
#: Versions of one query.
AT_ONCE = 500
#: The parts of a definition that say how it is entered; one start is all that counts of its steps.
_PARTS = ("schema_version", "parameters")


@dataclass(frozen=True, slots=True)
class Entrance:
    """Say which events let somebody in."""

    trigger: TriggerType[Any]
    #: What the journey says about the event, parameters resolved.
    wanted: BaseModel
    #: A condition; "" lets everybody in.
    where: str
    parameters: Mapping[str, Any]


_known: dict[int, Entrance] = {}


def entrances_of(version_ids: Iterable[int]) -> dict[int, Entrance]:
    """Give the entrance of each version; those that are not known yet in one query for each AT_ONCE.

    Raises:
        KeyError: there is no such version.
        DefinitionInvalid: its start can not be read, because its trigger is no longer installed.
    """
    wanted = set(version_ids)
    found = {version_id: one for version_id in wanted if (one := _known.get(version_id)) is not None}
    missing = sorted(wanted - found.keys())
    for start in range(0, len(missing), AT_ONCE):
        rows = Version.objects.filter(id__in=missing[start : start + AT_ONCE])
        found |= {
            version_id: read_entrance(definition)
            for version_id, definition in rows.values_list("id", "definition")
        }
    if missing:
        if len(_known) + len(missing) > KEPT:
            _known.clear()
        _known.update({version_id: found[version_id] for version_id in missing[:KEPT]})
    return {version_id: found[version_id] for version_id in wanted}


def read_entrance(definition: Mapping[str, Any]) -> Entrance:
    """Read how a published definition is entered.

    Raises:
        DefinitionInvalid: the start can not be read.
    """
    starts = [node for node in definition["nodes"] if node.get("type") == Start.type]
    part = {name: definition[name] for name in _PARTS if name in definition} | {"nodes": starts, "edges": []}
    draft, problems = read_draft(part, node_types=node_types, trigger_types=trigger_types, parameters=None)
    settings = next((step.settings for step in draft.steps.values()), None) if draft else None
    if draft is None or problems or not isinstance(settings, StartSettings):
        raise DefinitionInvalid(problems)
    trigger = trigger_types.get(settings.trigger.type)
    parameters = {name: parameter.value for name, parameter in draft.parameters.items()}
    wanted = trigger.settings_model.model_validate(
        settings.trigger.settings, context={"parameters": parameters}
    )
    return Entrance(trigger, wanted, settings.trigger.where, parameters)
