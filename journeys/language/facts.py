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
_LIST, _MAP, _BOOLEAN = Fact("list"), Fact("map"), Fact("boolean")

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
    #: `amounts` holds the sum of each kind.
    "payments": {"received": _LIST, "total": _NUMBER, "amounts": _MAP},
    #: This passage through this journey.
    "journey": {"id": _TEXT, "name": _TEXT, "instance": _TEXT, "started_at": _TEXT, "event": _OPTIONAL_TEXT},
    "forms": {"submitted": _LIST, "answers": _MAP},
    #: The couple's own link, and what came of it.
    "referrals": {
        "link": _TEXT,
        **dict.fromkeys(("visits", "leads"), _NUMBER),
        "last_lead_at": _OPTIONAL_TEXT,
        "steps": _MAP,
    },
}

#: Roots with an entry for each step of the journey that made one, and what an entry holds; None: not known here.
STEP_ROOTS: Mapping[str, Mapping[str, Fact] | None] = {
    "steps": None,
    "messages": {
        **dict.fromkeys(("sent", "delivered", "opened", "clicked", "replied", "bounced", "failed"), _BOOLEAN),
        "status": _TEXT,
        "at": _OPTIONAL_TEXT,
    },
    "tasks": {"status": _TEXT, "choice": _OPTIONAL_TEXT, "done_at": _OPTIONAL_TEXT},
    "journeys": {"status": _TEXT, "result": _OPTIONAL_TEXT, "instance": _TEXT},
    "variants": None,
    "meetings": {
        "status": _TEXT,
        **dict.fromkeys(
            ("asked_at", "meeting", "starts_at", "ends_at", "where", "time_zone"), _OPTIONAL_TEXT
        ),
        "reminders": _NUMBER,
    },
    "reviews": {
        "status": _TEXT,
        **dict.fromkeys(("clicked", "done"), _BOOLEAN),
        **dict.fromkeys(("asked_at", "site"), _OPTIONAL_TEXT),
        "rating": _OPTIONAL_NUMBER,
        "reminders": _NUMBER,
    },
    #: What a form step asked for, and what came of it; the last time round where there are several.
    "answers": {
        "answered": _BOOLEAN,
        "values": _MAP,
        **dict.fromkeys(("by", "at"), _OPTIONAL_TEXT),
        **dict.fromkeys(("reminders", "visit"), _NUMBER),
    },
    #: How often the page behind a step's link was opened.
    "pages": {"opened": _BOOLEAN, "views": _NUMBER, **dict.fromkeys(("first_at", "last_at"), _OPTIONAL_TEXT)},
}
#: What is kept of the events of one type, for all topics and for each.
EVENT: Mapping[str, Fact] = {"count": _NUMBER, "at": _TEXT, "id": _TEXT, "topic": _OPTIONAL_TEXT}

#: Roots whose fields the schema alone does not know.
OPEN_ROOTS = ("people", "variables", "parameters", "trigger", "events", *STEP_ROOTS, "now", "link")
ROOTS = (*SCHEMA, *OPEN_ROOTS)


@dataclass(frozen=True, slots=True)
class Declared:
    """Hold what one journey adds to the schema."""

    variables: Mapping[str, Fact] = field(default_factory=dict)
    parameters: Mapping[str, Fact] = field(default_factory=dict)
    steps: frozenset[str] = frozenset()
    #: Those of them that reach outside; None where nobody knows.
    outside: frozenset[str] | None = None
    #: Texts of sends speak to somebody; nothing else does.
    recipient: bool = False
    #: Texts of sends that lead to a page know its address.
    link: bool = False


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
        case _ if root in STEP_ROOTS:
            access = _step(root, rest, declared)
        case "events":
            access = _event(rest)
        case "trigger":
            is_type = rest == ("type",)
            access = Access(None, not is_type, "text" if is_type else None)
        case "now":
            access = Access("now has no fields. Write now alone.") if rest else Access(None, kind="text")
        case "link" if declared.link:
            access = Access("link has no fields. Write link alone.") if rest else Access(None, kind="text")
        case "link":
            access = Access("link is known only in texts of steps that lead to a page, such as a form.")
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


def _step(root: str, rest: Path, declared: Declared) -> Access:
    """Check <root>.<step>.<field>: the step may not have been reached."""
    if not rest:
        return Access(None, kind="map")
    if str(rest[0]) not in declared.steps:
        name = str(rest[0])
        return Access(
            f"There is no step {name!r} whose result could be read. {_nearest(name, declared.steps)}"
        )
    if root == "messages" and declared.outside is not None and str(rest[0]) not in declared.outside:
        return Access(
            f"The step {str(rest[0])!r} sends no message. {_nearest(str(rest[0]), declared.outside)}"
        )
    fields = STEP_ROOTS[root]
    if fields is None or len(rest) == 1:
        return Access(None, may_be_empty=True)
    fact = fields.get(str(rest[1]))
    if fact is None or (len(rest) > 2 and fact.kind != "map"):  # noqa: PLR2004 # a step and a field
        return Access(f"{root}.{dotted(rest)} does not exist. {_nearest(str(rest[1]), fields)}")
    return Access(None, may_be_empty=True, kind=fact.kind if len(rest) == 2 else None)  # noqa: PLR2004


def _event(rest: Path) -> Access:
    """Check events.<type>.<field> and events.<type>.topics.<topic>.<field>: there may have been none."""
    if len(rest) < 2:  # noqa: PLR2004 # a type and a field
        return Access(None, may_be_empty=bool(rest), kind="map")
    of_topic = rest[1] == "topics"
    field_ = rest[3:] if of_topic else rest[1:]
    if not field_ or field_[0] == "payload":
        return Access(None, may_be_empty=True, kind="map" if len(field_) < 2 else None)  # noqa: PLR2004
    fact = EVENT.get(str(field_[0]))
    if fact is None or len(field_) > 1:
        known = dict.fromkeys((*EVENT, "payload", "topics"))
        return Access(f"events.{dotted(rest)} does not exist. {_nearest(str(field_[0]), known)}")
    return Access(None, may_be_empty=True, kind=fact.kind)


def _nearest(name: str, known: Mapping[str, object] | tuple[str, ...] | frozenset[str]) -> str:
    """Offer the nearest name, or the whole list when it is short."""
    near = get_close_matches(name, list(known), n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known: {', '.join(sorted(known)[:20]) or 'none'}."
