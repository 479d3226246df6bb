"""What expressions and texts can read about a couple, and what of it may be empty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

Kind = Literal["text", "number", "boolean", "date", "time", "list", "map"]
#: The names and list positions on the way to a value.
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """Describe one value."""

    kind: Kind
    #: A text that prints it needs words to use instead.
    may_be_empty: bool = False


_TEXT, _OPTIONAL_TEXT = Fact("text"), Fact("text", may_be_empty=True)
_NUMBER, _OPTIONAL_NUMBER = Fact("number"), Fact("number", may_be_empty=True)
_OPTIONAL_DATE = Fact("date", may_be_empty=True)
_LIST, _MAP = Fact("list"), Fact("map")

#: What is known of a person in a role.
PERSON: Mapping[str, Fact] = {
    "first_name": _TEXT,
    "last_name": _OPTIONAL_TEXT,
    "name": _TEXT,
    "email": _OPTIONAL_TEXT,
}

#: Root, then field. A field of kind map is open: its keys are not known beforehand.
SCHEMA: Mapping[str, Mapping[str, Fact]] = {
    "client": {
        "id": _TEXT,
        "first_name": _TEXT,
        "last_name": _OPTIONAL_TEXT,
        "display_name": _TEXT,
        "email": _OPTIONAL_TEXT,
        "phone": _OPTIONAL_TEXT,
        "status": _TEXT,
        "locale": _TEXT,
        "time_zone": _TEXT,
        "tags": _LIST,
        "fields": _MAP,
    },
    "wedding": {
        "id": _OPTIONAL_TEXT,
        "date": _OPTIONAL_DATE,
        "time": Fact("time", may_be_empty=True),
        "long_date": _OPTIONAL_TEXT,
        "venue": _OPTIONAL_TEXT,
        "city": _OPTIONAL_TEXT,
        "country": _OPTIONAL_TEXT,
        "time_zone": _TEXT,
        "guest_count": _OPTIONAL_NUMBER,
        "days_to": _OPTIONAL_NUMBER,
        "status": _TEXT,
        "anchors": _MAP,
    },
    "vendor": {
        "name": _TEXT,
        "kind": _TEXT,
        "email": _TEXT,
        "phone": _OPTIONAL_TEXT,
        "website": _OPTIONAL_TEXT,
        "time_zone": _TEXT,
        "fields": _MAP,
    },
    "recipient": {**PERSON, "role": _TEXT, "locale": _TEXT},
    "payments": {"received": _LIST, "total": _NUMBER},
    "forms": {"submitted": _LIST, "answers": _MAP},
}

#: Roots whose fields the schema alone does not know.
OPEN_ROOTS = ("people", "variables", "parameters", "trigger", "steps", "now")
ROOTS = (*SCHEMA, *OPEN_ROOTS)


@dataclass(frozen=True, slots=True)
class Declared:
    """Hold what one journey adds to the schema."""

    variables: Mapping[str, Fact] = field(default_factory=dict)
    parameters: Mapping[str, Fact] = field(default_factory=dict)
    steps: frozenset[str] = frozenset()
    #: Texts of sends speak to somebody; nothing else does.
    recipient: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """Tell what a path leads to."""

    #: None when the path is known; otherwise what is wrong and what to do, as one sentence.
    unknown: str | None
    may_be_empty: bool = False
    kind: Kind | None = None


def dotted(path: Path) -> str:
    """Write a path the way people do: "client.fields.budget"."""
    return ".".join(str(part) for part in path)


def check_path(path: Path | str, *, declared: Declared) -> Access:
    """Tell whether a path is known, and whether its value may be empty."""
    parts = tuple(path.split(".")) if isinstance(path, str) else path
    root, rest = str(parts[0]) if parts else "", parts[1:]
    if root in SCHEMA and (root != "recipient" or declared.recipient):
        return _field(root, rest, SCHEMA[root], "")
    return _open_root(root, rest, declared)


def _open_root(root: str, rest: Path, declared: Declared) -> Access:
    match root:
        case "variables" | "parameters":
            known = declared.variables if root == "variables" else declared.parameters
            access = _field(root, rest, known, f"Declare it under {root}, or correct the name.")
        case "people":
            access = _person(rest)
        case "steps":
            access = _step(rest, declared)
        case "trigger":
            is_type = rest == ("type",)
            access = Access(None, not is_type, "text" if is_type else None)
        case "now":
            access = Access("now has no fields. Write now alone.") if rest else Access(None, kind="text")
        case "recipient":
            access = Access(
                "recipient is known only in texts that are sent to somebody. Read client or people here."
            )
        case _:
            access = Access(f"{root!r} is not known. {_nearest(root, ROOTS)}")
    return access


def _field(root: str, rest: Path, known: Mapping[str, Fact], advice: str) -> Access:
    if not rest:
        return Access(None, kind="map")
    name = str(rest[0])
    fact = known.get(name)
    if fact is None:
        return Access(f"{root}.{name} does not exist. {advice or _nearest(name, known)}")
    return Access(None, fact.may_be_empty, fact.kind) if len(rest) == 1 else _inside(fact, root, rest)


def _inside(fact: Fact, root: str, rest: Path) -> Access:
    """Check a path that goes on behind a field: into an open map, a list, or a text's size."""
    is_size = rest[1:] == ("size",)
    if fact.kind in ("map", "list"):
        return Access(None, may_be_empty=fact.kind == "map" or not is_size)
    if is_size and fact.kind == "text":
        return Access(None, fact.may_be_empty, "number")
    return Access(f"{root}.{rest[0]} has no fields of its own. Write {root}.{rest[0]} alone.")


def _person(rest: Path) -> Access:
    """Check people.<role>.<field>: the wedding may have nobody in that role."""
    if len(rest) < 2:  # noqa: PLR2004 # a role and a field
        return Access(None, may_be_empty=True, kind="map")
    name = str(rest[1])
    if name not in PERSON or len(rest) > 2:  # noqa: PLR2004 # a role and a field
        return Access(f"people.{dotted(rest)} does not exist. {_nearest(name, PERSON)}")
    return Access(None, may_be_empty=True, kind="text")


def _step(rest: Path, declared: Declared) -> Access:
    if rest and str(rest[0]) not in declared.steps:
        name = str(rest[0])
        return Access(
            f"There is no step {name!r} whose result could be read. {_nearest(name, declared.steps)}"
        )
    return Access(None, may_be_empty=True)


def _nearest(name: str, known: Mapping[str, object] | tuple[str, ...] | frozenset[str]) -> str:
    """Offer the nearest name, or the whole list when it is short."""
    near = get_close_matches(name, list(known), n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known: {', '.join(sorted(known)[:20]) or 'none'}."
