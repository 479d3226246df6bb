"""The functions that work on values alone: texts, numbers, the first that is not empty."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

from .signatures import Refused, World, function, is_number

#: Places behind the point that anybody needs.
_MOST_DIGITS = 10


@function("lower(value: text) → text", "The text in small letters.", ("lower('Vegan')", "vegan"))
def _lower(_: World, value: Any) -> str | None:
    return None if value is None else str(value).lower()


@function("upper(value: text) → text", "The text in capital letters.", ("upper('pt')", "PT"))
def _upper(_: World, value: Any) -> str | None:
    return None if value is None else str(value).upper()


@function("trim(value: text) → text", "The text without blanks around it.", ("trim('  yes ') == 'yes'", True))
def _trim(_: World, value: Any) -> str | None:
    return None if value is None else str(value).strip()


@function(
    "number(value: any, otherwise?: number) → number",
    "A number that was written as text; otherwise the second argument, or null.",
    ("number('80') > 50", True),
    ("number('about 80', 0)", 0),
)
def _number(_: World, value: Any, otherwise: Any = None) -> Any:
    if is_number(value):
        return value
    try:
        found = float(str(value).strip().replace(",", "."))
    except ValueError:
        return otherwise
    if not math.isfinite(found):
        return otherwise
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


@function(
    "round(value: number, digits?: number) → number",
    "The nearest whole number, or with so many digits behind the point; a half goes up.",
    ("round(2.5)", 3),
    ("round(payments.total / 3.0, 2)", 200.17),
)
def _round(_: World, value: Any, digits: Any = 0) -> Any:
    if value is None:
        return None
    places = whole(digits or 0)
    if not 0 <= places <= _MOST_DIGITS or not math.isfinite(value):
        raise Refused(f"round takes 0 to {_MOST_DIGITS} digits")
    scaled = math.floor(value * 10**places + 0.5)
    return scaled if places == 0 else scaled / 10**places


@function("abs(value: number) → number", "The number without its sign.", ("abs(-3)", 3))
def _abs(_: World, value: Any) -> Any:
    return None if value is None else abs(value)


@function(
    "min(value…: any) → any",
    "The smallest of numbers, of texts, or of a list; what is empty does not count.",
    ("min(3, 2)", 2),
    ("min(wedding.date, '2027-01-01')", "2027-01-01"),
)
def _min(_: World, *values: Any) -> Any:
    return min(_comparable("min", values), default=None)


@function(
    "max(value…: any) → any",
    "The largest of numbers, of texts, or of a list; what is empty does not count.",
    ("max([3, 7, 2])", 7),
    ("max(null, 1)", 1),
)
def _max(_: World, *values: Any) -> Any:
    return max(_comparable("max", values), default=None)


@function(
    "coalesce(value…: any) → any",
    "The first of its arguments that is not empty, or null.",
    ("coalesce(client.phone, client.email)", "ines@example.com"),
    ("coalesce(wedding.guest_count, 50) > 40", True),
)
def _coalesce(_: World, *values: Any) -> Any:
    return next((value for value in values if value is not None and value != ""), None)


def _comparable(name: str, values: tuple[Any, ...]) -> list[Any]:
    """Return what is there of the values, all of one kind."""
    given = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    found = [value.isoformat() if isinstance(value, date) else value for value in given if value is not None]
    if all(is_number(value) for value in found) or all(isinstance(value, str) for value in found):
        return found
    raise Refused(f"{name} needs numbers alone, or texts alone")


def whole(value: Any) -> int:
    """Return a whole number; raise Refused for one with a part behind the point."""
    if isinstance(value, float) and not value.is_integer():
        raise Refused("a whole number is needed")
    return int(value)
