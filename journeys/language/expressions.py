"""Conditions and computed values: the Common Expression Language, fenced in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import cel

from .errors import ExpressionError
from .facts import Path, dotted
from .functions import FUNCTIONS
from .signatures import World, misuse_of
from .tokens import Call, Outline, Read, outline

MAX_LENGTH = 2_000
MAX_MACRO_DEPTH = 2
MAX_BRACKETS = 32
MAX_MACROS = 6
MAX_PATTERNS = 4
#: Characters of a pattern, and all its counts such as {3} multiplied: it grows by them before it is used.
MAX_PATTERN, MAX_PATTERN_COUNT = 200, 30
#: Values an evaluation may look at, counted generously before it starts; about 20 ms.
MAX_COST = 40_000
#: Values that may be handed in at all.
MAX_VALUES = 10_000
#: Characters of a text that count as one value.
_TEXT_UNIT = 1_000

#: What the evaluator brings along.
BUILT_IN = frozenset(
    {
        *("size", "contains", "startsWith", "endsWith", "matches"),
        *("timestamp", "duration", "string", "int", "uint", "double", "type", "dyn"),
        *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
        *("getHours", "getMinutes", "getSeconds"),
    }
)

_WHERE = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*)")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Expression:
    """Hold a compiled source; it can reach the facts it names and nothing else."""

    source: str
    #: Every place where the source looks at a fact, by itself or through a function.
    reads: tuple[Read, ...]
    #: Calls of this language's own functions.
    calls: tuple[Call, ...]
    _program: cel.Program
    _outline: Outline

    def paths(self) -> frozenset[str]:
        """Return the dotted paths the source reads."""
        return frozenset(dotted(read.path) for read in self.reads)

    def evaluate(self, facts: Mapping[str, Any], now: datetime) -> Any:
        """Return the value for these facts; `now` is a timestamp in the source.

        A name that is missing in a map reads as null, unless the source asks for it with has(…).
        Raises ExpressionError for everything that goes wrong.
        """
        context = _context(self._outline, facts, now)
        refusals: list[str] = []
        if self.calls:
            world = World(facts, now)
            for name in {call.name for call in self.calls}:
                context[name] = FUNCTIONS[name].bound(world, refusals.append)
        try:
            return self._program.execute(context)
        except BaseException as error:  # noqa: BLE001 # a panic of the evaluator is no Exception
            raise _explained(error, self.source, refusals) from None

    def holds(self, facts: Mapping[str, Any], now: datetime) -> bool:
        """Return the answer of a condition; anything but true or false is an ExpressionError."""
        value = self.evaluate(facts, now)
        if isinstance(value, bool):
            return value
        raise ExpressionError(
            f"The condition {_short(self.source)} gives {type(value).__name__}, not true or false. "
            "Compare it with something."
        )


@lru_cache(maxsize=2048)
def compile_expression(source: str) -> Expression:
    """Compile a source; raise ExpressionError, with the position where it is known."""
    if not source.strip():
        raise ExpressionError("The expression is empty. Write a condition or leave the field out.", 0)
    if len(source) > MAX_LENGTH:
        raise ExpressionError(
            f"The expression has {len(source):,} characters, {MAX_LENGTH:,} are the limit. Split it."
        )
    shape = outline(source)
    _check_limits(shape)
    try:
        program = cel.compile(source)
        functions = program.references()["functions"]
    except BaseException as error:  # noqa: BLE001 # a panic of the compiler is no Exception
        raise _syntax(error, source) from None
    _check_calls(shape, functions)
    own = tuple(call for call in shape.calls if call.name in FUNCTIONS)
    return Expression(source, (*shape.reads, *_reads_of(own)), own, program, shape)


def _check_calls(shape: Outline, compiled: list[str]) -> None:
    """Refuse unknown functions, and calls of ours that cannot work."""
    known = BUILT_IN | FUNCTIONS.keys()
    for name in compiled:
        if name.isidentifier() and not name.startswith("_") and name not in known:
            position = next((call.position for call in shape.calls if call.name == name), None)
            near = get_close_matches(name, known, n=1)
            advice = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(known))}."
            raise ExpressionError(f"There is no function {name!r}. {advice}", position)
    for call in shape.calls:
        if call.name in FUNCTIONS:
            misuse = misuse_of(call)
            if misuse is not None:
                raise ExpressionError(misuse.message, misuse.position)
        elif call.name == "matches":
            _check_pattern(call)


def _check_pattern(call: Call) -> None:
    """Refuse patterns that are not known beforehand, or grow large when they are read."""
    pattern = call.given[1].text if len(call.given) > 1 else None
    if pattern is None:
        position = call.given[-1].position if call.given else call.position
        raise ExpressionError("matches needs its pattern written out, without \\.", position)
    counts = [int(number) for number in re.findall(r"\d{1,9}", "".join(re.findall(r"\{[^}]*\}", pattern)))]
    if len(pattern) > MAX_PATTERN or math.prod(max(count, 1) for count in counts) > MAX_PATTERN_COUNT:
        raise ExpressionError("The pattern of matches is too large. Make it simpler.", call.given[1].position)


def _reads_of(calls: tuple[Call, ...]) -> Iterator[Read]:
    """Return what functions read by themselves, at the place of their call."""
    for call in calls:
        for path in FUNCTIONS[call.name].paths(call.given):
            yield Read(tuple(path.split(".")), call.position, asked=True)


def _check_limits(shape: Outline) -> None:
    if shape.brackets > MAX_BRACKETS:
        raise ExpressionError(f"Brackets are nested more than {MAX_BRACKETS} deep. Split the expression.")
    if shape.macro_depth > MAX_MACRO_DEPTH or shape.macros > MAX_MACROS:
        raise ExpressionError(
            f"all, exists, exists_one, filter and map may be nested {MAX_MACRO_DEPTH} deep and used "
            f"{MAX_MACROS} times. Split the expression."
        )
    if shape.repeated_pattern or shape.patterns > MAX_PATTERNS:
        raise ExpressionError(
            f"matches may be used {MAX_PATTERNS} times, and not inside all, exists, filter or map. "
            "Use contains or startsWith there."
        )


def _context(shape: Outline, facts: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the facts the source reads, and only those."""
    context: dict[str, Any] = {}
    # A root is always there: only what is below one can be asked for.
    questions = sorted({read.path for read in shape.reads if read.asked and len(read.path) > 1}, key=len)
    values = 0
    taken: set[Path] = set()
    for path in sorted({read.path for read in shape.reads}, key=len):
        if any(path[:length] in taken for length in range(1, len(path) + 1)):
            continue
        if path[0] == "now":
            # A moment, with nothing below it.
            context["now"] = now
            continue
        if path[0] not in facts:
            raise ExpressionError(f"{path[0]!r} is not known here.")
        value = _look_up(facts, path)
        question = next((one for one in questions if path[: len(one)] == one), None)
        if value is _MISSING and question is not None:
            # Left out, so that has(…) says no; what holds it is there.
            _put(context, question[:-1], {})
            continue
        taken.add(path)
        plain, size = _plain(None if value is _MISSING else value)
        values += size
        _put(context, path, plain)
    _check_cost(shape, values)
    return context


def _check_cost(shape: Outline, values: int) -> None:
    if values > MAX_VALUES:
        raise ExpressionError(f"The expression reads {values:,} values, {MAX_VALUES:,} are the limit.")
    if not shape.macros:
        return
    growth = (1 + shape.pluses / shape.macros) ** shape.macros
    # A function may go through a list again for every entry; map and filter copy what they have built so far.
    depth = max(shape.macro_depth, 1) + any(call.repeated and call.name in FUNCTIONS for call in shape.calls)
    each = values + shape.commas + 1
    built = shape.builders * each**2 / 5
    if each**depth * growth + built > MAX_COST:
        raise ExpressionError("The expression would go through too many values. Make it simpler.")


def _look_up(facts: Mapping[str, Any], path: Path) -> Any:
    value: Any = facts
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            # Below a plain value nothing can be read; below nothing, nothing is missing either.
            return _MISSING
        value = value[part]
    return value


def _put(context: dict[str, Any], path: Path, value: Any) -> None:
    """Write the value at the path, making the maps on the way; what is there already stays."""
    place = context
    for part in path[:-1]:
        place = place.setdefault(str(part), {})
    place.setdefault(str(path[-1]), value)


def _plain(value: Any) -> tuple[Any, int]:
    """Return the value in the types the expression language knows, and how many values it holds."""
    if isinstance(value, Mapping):
        pairs = {str(key): _plain(inner) for key, inner in value.items()}
        return {key: inner for key, (inner, _) in pairs.items()}, 1 + sum(size for _, size in pairs.values())
    if isinstance(value, list | tuple | set | frozenset):
        items = [_plain(inner) for inner in value]
        return [inner for inner, _ in items], 1 + sum(size for _, size in items)
    if isinstance(value, Decimal):
        return float(value), 1
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat(), 1
    return value, 1 + (len(value) // _TEXT_UNIT if isinstance(value, str) else 0)


def _short(source: str) -> str:
    return repr(source if len(source) <= 80 else source[:77] + "…")  # noqa: PLR2004 # a line


def _syntax(error: BaseException, source: str) -> ExpressionError:
    if isinstance(error, KeyboardInterrupt | SystemExit):
        raise error
    found = _WHERE.search(str(error))
    if found is None:
        return ExpressionError(f"The expression {_short(source)} cannot be read.")
    lines = source.split("\n")
    line, column = max(int(found[1]), 1), max(int(found[2]), 1)
    position = min(sum(len(above) + 1 for above in lines[: line - 1]) + column - 1, len(source))
    return ExpressionError(f"The expression cannot be read at character {position + 1}: {found[3]}", position)


def _explained(error: BaseException, source: str, refusals: list[str]) -> ExpressionError:
    """Put an error of the evaluation into words, without the values it met."""
    if isinstance(error, KeyboardInterrupt | SystemExit | ExpressionError):
        raise error
    match error:
        case KeyError():
            reason = "it reads a name that is not there; ask with has(…) first"
        case IndexError():
            reason = "it reads a position that the list does not have; ask size(…) first"
        case ZeroDivisionError():
            reason = "it divides by zero"
        case OverflowError():
            reason = "a number grows too large"
        case TypeError():
            reason = "it combines values of different kinds, or a value that is empty"
        case _ if refusals:
            reason = refusals[-1]
        case _:
            reason = "a function cannot take what it is given"
    return ExpressionError(f"The expression {_short(source)} has no value here: {reason}.")
