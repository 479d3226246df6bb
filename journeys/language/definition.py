"""The JSON a journey is written in, read field by field with every problem named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from .errors import Problem
from .kinds import PARAMETER_KINDS, VARIABLE_KINDS, Parameter, Variable, is_of_kind
from .passages import KEYS, Passage, read_passage
from .registry import NodeType, Registry, TriggerType
from .settings import NodeSettings, TriggerSettings

SCHEMA_VERSION = 1
MAX_NODES = 500
MAX_EDGES = 2_000
MAX_DEPTH = 40
MAX_NAMES = 200

_NODE_ID = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TOP = KEYS | {"schema_version", "parameters", "variables", "nodes", "edges", "layout", "description"}
_NODE = frozenset({"id", "type", "name", "settings", "position", "note"})
_EDGE = frozenset({"from", "port", "to", "label"})
_TIMING_KINDS = frozenset({"duration", "date", "anchor", "window", "fact"})
_SAID = {
    "missing": "this field is needed; fill it in",
    "extra_forbidden": "this field is not known here; remove it",
}


@dataclass(slots=True)
class Step:
    """Be a step as far as it could be read."""

    id: str
    type: str
    name: str
    #: None when the type is unknown or the settings are wrong.
    settings: NodeSettings | None = None
    node_type: NodeType | None = None

    @property
    def label(self) -> str:
        """Return how messages name the step."""
        return (
            f"Step {self.name!r} ({self.id})" if self.name and self.name != self.id else f"Step {self.id!r}"
        )


@dataclass(frozen=True, slots=True)
class Link:
    """Be an edge as far as it could be read."""

    source: str
    port: str
    target: str


@dataclass(slots=True)
class Draft:
    """Be a definition as far as it could be read."""

    steps: dict[str, Step] = field(default_factory=dict)
    edges: list[Link] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    passage: Passage = field(default_factory=Passage)


def read_draft(
    definition: Any,
    *,
    node_types: Registry[NodeType],
    trigger_types: Registry[TriggerType],
    parameters: Mapping[str, Any] | None,
) -> tuple[Draft | None, list[Problem]]:
    """Read any JSON value; return what could be read, and what is wrong with it."""
    reader = _Reader(node_types, trigger_types)
    return reader.read(definition, parameters or {}), reader.problems


class _Reader:
    """Gather steps, edges and problems."""

    def __init__(self, node_types: Registry[NodeType], trigger_types: Registry[TriggerType]) -> None:
        self.node_types = node_types
        self.trigger_types = trigger_types
        self.problems: list[Problem] = []
        self.draft = Draft()

    def note(self, code: str, message: str, node: str | None = None, field_: str | None = None) -> None:
        """Write a problem down."""
        self.problems.append(Problem(code, message, node, field_))

    def read(self, definition: Any, given: Mapping[str, Any]) -> Draft | None:
        """Read the whole; None when there is nothing to look at further."""
        if not isinstance(definition, Mapping):
            self.note(
                "not_an_object", "The definition is not a JSON object. Send an object with nodes and edges."
            )
            return None
        if _depth(definition) > MAX_DEPTH:
            self.note("too_deep", f"The definition is nested more than {MAX_DEPTH} deep. Flatten it.")
            return None
        version = definition.get("schema_version")
        if version != SCHEMA_VERSION or isinstance(version, bool):
            self.note(
                "schema_version",
                f"The definition has schema_version {version!r}. This engine reads {SCHEMA_VERSION}.",
                field_="schema_version",
            )
        self._unknown_fields(definition, _TOP, "The definition", None)
        nodes, edges = self._list(definition, "nodes"), self._list(definition, "edges")
        if len(nodes) > MAX_NODES or len(edges) > MAX_EDGES:
            self.note(
                "too_many_nodes",
                f"The journey has {len(nodes):,} steps and {len(edges):,} connections; {MAX_NODES:,} and "
                f"{MAX_EDGES:,} are the limit. Split it into several journeys.",
            )
            return None
        self._parameters(definition.get("parameters"), given)
        self._variables(definition.get("variables"))
        self.draft.passage = read_passage(
            definition,
            parameters=self._context()["parameters"],
            note=lambda code, message, place: self.note(code, message, None, place),
        )
        for index, raw in enumerate(nodes):
            self._node(index, raw)
        for index, raw in enumerate(edges):
            self._edge(index, raw)
        return self.draft

    def _list(self, definition: Mapping[str, Any], name: str) -> list[Any]:
        value = definition.get(name)
        if value is None and name == "edges":
            return []
        if not isinstance(value, list):
            self.note(
                "not_an_object", f"The field {name} is not a list. Make it a list of objects.", field_=name
            )
            return []
        return value

    def _unknown_fields(
        self, raw: Mapping[str, Any], known: frozenset[str], who: str, node: str | None
    ) -> None:
        for name in raw:
            if name not in known:
                self.note(
                    "unknown_field",
                    f"{who} has a field {_brief(name)} that is not known. Remove it or correct its name.",
                    node,
                    _brief(name),
                )

    def _parameters(self, raw: Any, given: Mapping[str, Any]) -> None:
        entries = self._declarations(raw, "parameters")
        for name, entry in entries.items():
            place = f"parameters.{name}"
            kind, value = entry.get("kind"), given.get(name, entry.get("value"))
            if not isinstance(kind, str) or kind not in PARAMETER_KINDS:
                self.note(
                    "bad_parameter",
                    f"The parameter {name!r} has the kind {_brief(kind)}. "
                    f"Known kinds: {', '.join(PARAMETER_KINDS)}.",
                    field_=place,
                )
                continue
            if not is_of_kind(kind, value):
                self.note(
                    "bad_parameter",
                    f"The parameter {name!r} has the value {_brief(value)}, which is no {kind}. Correct it.",
                    field_=place,
                )
                continue
            label, explanation = entry.get("label", ""), entry.get("help", "")
            self.draft.parameters[name] = Parameter(kind, value, str(label), str(explanation))
        for name in given:
            if name not in entries:
                self.note(
                    "unknown_parameter",
                    f"There is no parameter {_brief(name)} in this journey. Leave it out.",
                    field_=f"parameters.{_brief(name)}",
                )

    def _variables(self, raw: Any) -> None:
        for name, entry in self._declarations(raw, "variables").items():
            kind, default = entry.get("kind"), entry.get("default")
            if not isinstance(kind, str) or kind not in VARIABLE_KINDS:
                known = ", ".join(VARIABLE_KINDS)
                message = f"The variable {name!r} has the kind {_brief(kind)}. Known kinds: {known}."
            elif default is not None and not is_of_kind(kind, default):
                message = f"The variable {name!r} has the default {_brief(default)}, which is no {kind}. Correct it."
            else:
                self.draft.variables[name] = Variable(kind, default)
                continue
            self.note("bad_variable", message, field_=f"variables.{name}")

    def _declarations(self, raw: Any, section: str) -> dict[str, Mapping[str, Any]]:
        """Return the well-named entries of parameters or variables."""
        if raw is None:
            return {}
        if not isinstance(raw, Mapping):
            self.note(
                "not_an_object",
                f"The field {section} is not an object. Write names and kinds.",
                field_=section,
            )
            return {}
        one = section[:-1]
        if len(raw) > MAX_NAMES:
            self.note(
                f"bad_{one}", f"There are more than {MAX_NAMES} {section}. Remove some.", field_=section
            )
            return {}
        found: dict[str, Mapping[str, Any]] = {}
        for name, entry in raw.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                message = f"The {one} {_brief(name)} has no valid name. Use small letters, digits and _."
            elif not isinstance(entry, Mapping):
                message = f'The {one} {name!r} is not an object. Write {{"kind": …}}.'
            else:
                found[name] = entry
                continue
            self.note(f"bad_{one}", message, field_=section)
        return found

    def _node(self, index: int, raw: Any) -> None:
        if not isinstance(raw, Mapping):
            self.note(
                "not_an_object", f"Step number {index + 1} is not an object. Write its id, type and settings."
            )
            return
        id_, type_, name = raw.get("id"), raw.get("type"), raw.get("name", "")
        if not isinstance(id_, str) or not _NODE_ID.fullmatch(id_):
            self.note(
                "bad_node_id",
                f"Step number {index + 1} has the id {_brief(id_)}. Start with a small letter and use up to 64 "
                "small letters, digits, _ and -.",
            )
            return
        if id_ in self.draft.steps:
            self.note("duplicate_node", f"Two steps have the id {id_!r}. Give one of them another.", id_)
            return
        step = Step(id_, type_ if isinstance(type_, str) else "", name if isinstance(name, str) else "")
        self.draft.steps[id_] = step
        self._unknown_fields(raw, _NODE, step.label, id_)
        if not isinstance(name, str) or len(name) > MAX_NAMES:
            self.note(
                "bad_settings",
                f"{step.label}: the name is not a text of at most 200 characters.",
                id_,
                "name",
            )
        if not isinstance(type_, str) or type_ not in self.node_types:
            known = ", ".join(self.node_types.types())
            self.note(
                "unknown_type",
                f"{step.label} has the type {_brief(type_)}. Choose one of: {known}.",
                id_,
                "type",
            )
            return
        step.node_type = self.node_types.get(type_)
        settings = raw.get("settings", {})
        if not isinstance(settings, Mapping):
            self.note(
                "bad_settings", f"{step.label}: its settings are not an object. Write fields and values.", id_
            )
            return
        step.settings = self._settings(step, step.node_type, settings)
        trigger = getattr(step.settings, "trigger", None)
        if isinstance(trigger, TriggerSettings):
            self._trigger(step, trigger)

    def _context(self) -> dict[str, Any]:
        """Return what settings resolve their `$names` against."""
        return {"parameters": {name: one.value for name, one in self.draft.parameters.items()}}

    def _settings(self, step: Step, node_type: NodeType, raw: Mapping[str, Any]) -> NodeSettings | None:
        try:
            return node_type.settings_model.model_validate(raw, context=self._context())
        except ValidationError as error:
            self._invalid(error, step, "bad_settings")
        except RecursionError:
            self.note(
                "bad_settings", f"{step.label}: its settings are nested too deep. Flatten them.", step.id
            )
        return None

    def _trigger(self, step: Step, trigger: TriggerSettings) -> None:
        if trigger.type not in self.trigger_types:
            known = ", ".join(self.trigger_types.types())
            message = (
                f"{step.label} starts on {_brief(trigger.type)}, which is not known. Choose one of: {known}."
            )
            self.note("unknown_trigger", message, step.id, "trigger.type")
            return
        model: type[BaseModel] = self.trigger_types.get(trigger.type).settings_model
        try:
            model.model_validate(trigger.settings, context=self._context())
        except ValidationError as error:
            self._invalid(error, step, "bad_trigger_settings", ("trigger", "settings"))

    def _invalid(self, error: ValidationError, step: Step, code: str, inside: tuple[str, ...] = ()) -> None:
        """Write down what a settings model found, one problem for each field."""
        for found in error.errors(include_url=False, include_input=False, include_context=False):
            place = ".".join(str(part) for part in (*inside, *_place(found["loc"])))
            said = _SAID.get(found["type"]) or found["msg"].removeprefix("Value error, ").rstrip(".")
            own = "unknown_parameter" if found["type"] == "unknown_parameter" else code
            self.note(own, f"{step.label}, {place or 'settings'}: {said}.", step.id, place or None)

    def _edge(self, index: int, raw: Any) -> None:
        if not isinstance(raw, Mapping):
            self.note(
                "not_an_object",
                f'Connection number {index + 1} is not an object. Write "from", "port", "to".',
            )
            return
        source, port, target = raw.get("from"), raw.get("port", "next"), raw.get("to")
        self._unknown_fields(raw, _EDGE, f"Connection number {index + 1}", None)
        for name, value in (("from", source), ("port", port), ("to", target)):
            if not isinstance(value, str):
                self.note(
                    "unknown_port" if name == "port" else "unknown_target",
                    f"Connection number {index + 1} has {_brief(value)} as its {name!r}. Write a name.",
                    field_=name,
                )
                return
        self.draft.edges.append(Link(source, port, target))  # type: ignore[arg-type] # texts, checked above


def _place(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return the path of a field as it stands in the JSON, without the timing's tag."""
    if len(location) > 1 and location[0] == "when" and location[1] in _TIMING_KINDS:
        return (location[0], *location[2:])
    return location


def _depth(value: Any) -> int:
    """Return how deep lists and objects are nested, without recursion."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        current, depth = waiting.pop()
        deepest = max(deepest, depth)
        if depth > MAX_DEPTH:
            break
        if isinstance(current, Mapping):
            waiting.extend((inner, depth + 1) for inner in current.values())
        elif isinstance(current, list):
            waiting.extend((inner, depth + 1) for inner in current)
    return deepest


def _brief(value: Any) -> str:
    """Show a wrong value, shortened."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"  # noqa: PLR2004 # half a line
