"""The reference of the language, written from what is declared, so that it cannot be out of date."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from journeys.language import facts
from journeys.language.functions import FUNCTIONS
from journeys.language.registry import NodeType, node_types, trigger_types
from journeys.language.text_filters import FILTERS

#: What every step's settings have; told once.
COMMON = ("when", "late", "on_error")

_MARK = re.compile(r"(<!-- written: (?P<name>[a-z_]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rewritten(page: str) -> str:
    """Return a page with everything between its marks written anew.

    Raises:
        KeyError: a mark names no part that is known.
    """
    return _MARK.sub(lambda mark: f"{mark[1]}{PARTS[mark['name']]()}\n{mark[3]}", page)


def pages(root: Path) -> list[Path]:
    """Name the pages under a folder that hold marks."""
    return sorted(path for path in root.glob("*.md") if "<!-- written: " in path.read_text(encoding="utf-8"))


def functions() -> str:
    """Return a table of the functions of expressions, each with its examples."""
    rows = []
    for function in FUNCTIONS.values():
        examples = "<br>".join(f"`{source}` is `{_value(value)}`" for source, value in function.examples)
        rows.append((f"`{function.signature}`", function.summary, examples))
    return _table(("Function", "Gives", "For example"), rows)


def fact_roots() -> str:
    """Return a table of everything that can be read."""
    rows = [
        (f"`{root}`", ", ".join(f"`{name}`" for name in fields))
        for root, fields in sorted(facts.SCHEMA.items())
    ]
    for root, fields in sorted(facts.STEP_ROOTS.items()):
        known = ", ".join(f"`{name}`" for name in fields) if fields else "what the step noted down"
        rows.append((f"`{root}.<step>`", known))
    known = ", ".join(f"`{name}`" for name in (*facts.EVENT, "payload", "topics"))
    rows.append(("`events.<type>`", f"{known}; the same below `topics.<topic>`"))
    return _table(("Root", "Fields"), rows)


def filters() -> str:
    """Return the names of the filters of texts."""
    return ", ".join(f"`{name}`" for name in sorted(FILTERS))


def steps() -> str:
    """Return a chapter for each step type: its ways out and its settings."""
    return "\n\n".join(_step(node_type) for node_type in node_types)


def triggers() -> str:
    """Return a table of the events that can start a journey."""
    rows = []
    for trigger in trigger_types:
        fields = trigger.settings_model.model_json_schema().get("properties", {})
        rows.append(
            (f"`{trigger.type}`", trigger.title, ", ".join(f"`{name}`" for name in fields) or "nothing")
        )
    return _table(("Event", "When", "Settings"), rows)


def _step(node_type: NodeType) -> str:
    schema = node_type.settings_model.model_json_schema()
    own = {name: field for name, field in schema.get("properties", {}).items() if name not in COMMON}
    needed = set(schema.get("required", ()))
    if "when" in needed:
        own["when"] = schema["properties"]["when"]
    definitions = schema.get("$defs", {})
    rows = [
        (f"`{name}`", _kind(field, definitions), _default(name, field, needed), _said(field))
        for name, field in own.items()
    ]
    ways = ", ".join(f"`{port}`" for port in node_type.ports) or "none: the passage ends here"
    more = _first_line(type(node_type).ports_of) if type(node_type).ports_of is not NodeType.ports_of else ""
    title = f"### `{node_type.type}` · {node_type.title}\n{_first_line(type(node_type))}"
    ports = f"Ways out: {ways}.{f' {more}' if more else ''}"
    table = _table(("Setting", "Kind", "Default", ""), rows) if rows else "It has no settings of its own."
    return "\n\n".join([title, ports, table, *_kinds(own, definitions)])


def _kinds(own: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterable[str]:
    """Return a table for each setting that is a list of things of several kinds."""
    for name, field in own.items():
        references = _references(field)
        if references:
            found = [definitions[reference.rpartition("/")[2]] for reference in references]
            rows = [
                (
                    f"`{one['properties']['kind']['const']}`",
                    ", ".join(f"`{inner}`" for inner in one["properties"] if inner != "kind"),
                    one.get("description", "").replace("\n", " "),
                )
                for one in found
            ]
            yield _table((f"Kind of `{name}`", "Fields", ""), rows)


def _references(field: Mapping[str, Any]) -> list[str]:
    """Return where the kinds of a list's entries are described; nothing when there are not several."""
    kinds = (field.get("items") or {}).get("oneOf", ())
    return [one["$ref"] for one in kinds if "$ref" in one] if field.get("type") == "array" else []


def _kind(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Return the kind of a setting in a few words."""
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "$ref" in field:
        return _named(field["$ref"], definitions)
    for key in ("anyOf", "oneOf"):
        if key in field:
            kinds = [_kind(one, definitions) for one in field[key] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if field.get("type") == "array":
        inner = None if _references(field) else field.get("items")
        return f"list of {_kind(inner, definitions)}" if inner else "list, see below"
    return str(field.get("format") or field.get("type") or "any")


def _named(reference: str, definitions: Mapping[str, Any]) -> str:
    """Return a part of the settings with its fields: "{port, if, label}"."""
    found = definitions.get(reference.rpartition("/")[2], {})
    if "enum" in found:
        return " or ".join(f"`{value}`" for value in found["enum"])
    fields = found.get("properties", {})
    kind = fields.get("kind", {}).get("const")
    names = ", ".join(name for name in fields if name != "kind")
    return f"`{kind}` {{{names}}}" if kind else f"{{{names}}}"


def _default(name: str, field: Mapping[str, Any], needed: Iterable[str]) -> str:
    if name in needed:
        return "needed"
    value = field.get("default")
    return "" if value in (None, "", [], {}) else f"`{_value(value)}`"


def _said(field: Mapping[str, Any]) -> str:
    return ". ".join(
        text.rstrip(".") for text in (field.get("title", ""), field.get("description", "")) if text
    )


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PARTS = {
    "functions": functions,
    "facts": fact_roots,
    "filters": filters,
    "steps": steps,
    "triggers": triggers,
}
