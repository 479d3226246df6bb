"""What an expression looked at when it was answered, short enough to be kept beside the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .expressions import compile_expression

#: Values kept for one expression.
MAX_VALUES = 40
#: Entries kept of a list or an object, and characters of a text.
MAX_ENTRIES, MAX_CHARACTERS = 20, 200
#: Lists in lists are kept so deep.
MAX_DEPTH = 3


def values_read(source: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of every fact that the source reads, by its dotted path; what is not there is None.

    Raises ExpressionError for a source that does not compile.
    """
    paths = sorted(compile_expression(source).paths())[:MAX_VALUES]
    return {path: _short(_at(facts, path), MAX_DEPTH) for path in paths}


def _at(facts: Mapping[str, Any], path: str) -> Any:
    value: Any = facts
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def _short(value: Any, depth: int) -> Any:
    """Return a JSON-able value of bounded size."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        if not depth:
            return "{…}"
        names = list(value)[:MAX_ENTRIES]
        return {str(name): _short(value[name], depth - 1) for name in names}
    if isinstance(value, list | tuple | set | frozenset):
        return [_short(one, depth - 1) for one in list(value)[:MAX_ENTRIES]] if depth else "[…]"
    text = str(value)
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}…"
