"""What a definition says about passages as a whole: how a journey is entered, left, and started late."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from .offsets import Offset
from .settings import OffsetText

#: Exit rules of a journey, and goals of it, at most.
MAX_RULES = 20
#: Longest condition of a rule, in characters.
MAX_CONDITION = 2_000
#: Longest break between two passages, in days: a century.
MAX_DAYS = 36_525

#: The keys of a definition that are read here.
KEYS = frozenset({"exits", "goals", "entry", "on_wedding_cancelled", "late_start"})

ReEntry = Literal["once", "when_finished", "after_days", "always"]
OnCancelled = Literal["end", "go_on"]

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")

#: Takes a code, a sentence and the field's dotted path.
Note = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class Rule:
    """End a passage as soon as a condition holds; checked before whatever goes out, and on every wake."""

    name: str
    #: Source of the expression language.
    condition: str


class _Part(BaseModel):
    """Refuse what is not known; never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(_Part):
    """Say who may enter: how often the same client, and how many clients."""

    re_entry: ReEntry | None = Field(
        default=None, title="Again", description="Without it, the rule of the journey itself holds."
    )
    days: int | None = Field(
        default=None, ge=1, le=MAX_DAYS, title="Days between", description="Only for the rule after_days."
    )
    max_live: int | None = Field(default=None, ge=1, le=10_000_000, title="Most inside at a time")
    max_per_day: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        title="Most in a day",
        description="A day of the vendor's own zone.",
    )
    max_total: int | None = Field(default=None, ge=1, le=10_000_000, title="Most in all")

    @model_validator(mode="after")
    def _days_belong_to_after_days(self) -> Entry:
        if self.re_entry == "after_days" and self.days is None:
            raise PydanticCustomError("days", "The rule after_days needs days: write how many.")
        if self.re_entry != "after_days" and self.days is not None:
            raise PydanticCustomError("days", "Days belong to the rule after_days: leave them out here.")
        return self

    @property
    def limited(self) -> bool:
        """Tell whether anything limits how many clients may enter."""
        return any(limit is not None for limit in (self.max_live, self.max_per_day, self.max_total))


class LateStart(_Part):
    """Say what happens when some dated steps are past already when a passage starts."""

    show_plan: bool = Field(
        default=False,
        title="Show the plan first",
        description="Nothing goes out before a person has confirmed it.",
    )
    gap: OffsetText = Field(default="1h", title="Least time between what is made up for")
    confirm_within: OffsetText | None = Field(
        default=None, title="Go ahead after", description="Empty: wait for a person as long as it takes."
    )


def late_gap(late_start: LateStart | None) -> timedelta:
    """Return the least time between two late messages of a passage; an hour where the definition says nothing."""
    return Offset.parse((late_start or LateStart()).gap).total


PartT = TypeVar("PartT", bound=_Part)


@dataclass(frozen=True, slots=True)
class Passage:
    """Hold everything that holds for a passage as a whole."""

    exits: tuple[Rule, ...] = ()
    goals: tuple[Rule, ...] = ()
    entry: Entry = field(default_factory=Entry)
    on_wedding_cancelled: OnCancelled = "end"
    #: None: the definition does not say.
    late_start: LateStart | None = None


def read_passage(definition: Mapping[str, Any], *, parameters: Mapping[str, Any], note: Note) -> Passage:
    """Read the keys of this part of a definition; what is wrong is noted and left out."""
    return Passage(
        exits=_rules(definition.get("exits"), "exits", note),
        goals=_rules(definition.get("goals"), "goals", note),
        entry=_part(Entry, definition.get("entry"), "entry", parameters, note) or Entry(),
        on_wedding_cancelled=_on_cancelled(definition.get("on_wedding_cancelled", "end"), note),
        late_start=_part(LateStart, definition.get("late_start"), "late_start", parameters, note),
    )


def _rules(raw: Any, section: str, note: Note) -> tuple[Rule, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list):
        note("not_an_object", f'The field {section} is not a list. Write [{{"name": …, "if": …}}].', section)
        return ()
    if len(raw) > MAX_RULES:
        note("bad_rule", f"There are {len(raw)} {section}; {MAX_RULES} are the most. Join some.", section)
        return ()
    found: dict[str, Rule] = {}
    for index, entry in enumerate(raw):
        rule = _rule(entry, f"{section}.{index}", note)
        if rule is not None and rule.name in found:
            note(
                "bad_rule",
                f"Two {section} are called {rule.name!r}. Give one of them another name.",
                f"{section}.{index}.name",
            )
        elif rule is not None:
            found[rule.name] = rule
    return tuple(found.values())


def _rule(raw: Any, place: str, note: Note) -> Rule | None:
    if not isinstance(raw, Mapping):
        note("bad_rule", f'The entry {place} is not an object. Write {{"name": …, "if": …}}.', place)
        return None
    for key in raw:
        if key not in {"name", "if"}:
            shown = str(key)[:60]
            note(
                "unknown_field",
                f"The entry {place} has a field {shown!r} that is not known. Remove it.",
                place,
            )
    name, condition = raw.get("name"), raw.get("if")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        note(
            "bad_rule",
            f"The entry {place} has no valid name. Start with a small letter; use small letters, digits, _ and -.",
            f"{place}.name",
        )
        return None
    if not isinstance(condition, str) or not condition.strip() or len(condition) > MAX_CONDITION:
        note(
            "bad_rule",
            f"The entry {place} ({name}) has no condition. Write an expression of 1 to {MAX_CONDITION:,} characters.",
            f"{place}.if",
        )
        return None
    return Rule(name, condition)


def _on_cancelled(raw: Any, note: Note) -> OnCancelled:
    if raw == "go_on":
        return "go_on"
    if raw != "end":
        message = f"The field on_wedding_cancelled takes one of: {', '.join(get_args(OnCancelled))}."
        note("bad_settings", message, "on_wedding_cancelled")
    return "end"


def _part(
    model: type[PartT], raw: Any, section: str, parameters: Mapping[str, Any], note: Note
) -> PartT | None:
    """Read one object with its model; None when it is not there or wrong."""
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        note("not_an_object", f"The field {section} is not an object. Write fields and values.", section)
        return None
    try:
        return model.model_validate(raw, context={"parameters": parameters})
    except ValidationError as error:
        for found in error.errors(include_url=False, include_input=False, include_context=False):
            place = ".".join((section, *(str(part) for part in found["loc"])))
            said = (
                "this field is not known here; remove it"
                if found["type"] == "extra_forbidden"
                else found["msg"]
            )
            code = "unknown_parameter" if found["type"] == "unknown_parameter" else "bad_settings"
            note(code, f"{place}: {said.removeprefix('Value error, ').rstrip('.')}.", place)
    return None
