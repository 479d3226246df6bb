"""The kinds of values a journey declares: parameters of the vendor, variables of an instance."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from .errors import OffsetError
from .offsets import Offset

PARAMETER_KINDS = ("offset", "time", "text", "number", "boolean")
VARIABLE_KINDS = ("text", "number", "boolean", "date", "list")

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, slots=True)
class Variable:
    """Declare a value that every instance has for itself."""

    kind: str
    #: None: a value must be given when the journey is started.
    default: Any = None

    @property
    def required(self) -> bool:
        """Tell whether a value must be given at the start."""
        return self.default is None

    def accepts(self, value: Any) -> bool:
        """Tell whether a value is of this kind."""
        return is_of_kind(self.kind, value)


@dataclass(frozen=True, slots=True)
class Parameter:
    """Declare a value that the vendor may change for the whole journey."""

    kind: str
    #: The vendor's own value where there is one, otherwise the definition's.
    value: Any
    label: str = ""
    help: str = ""


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_offset(value: Any) -> bool:
    try:
        return isinstance(value, str) and "$" not in value and Offset.parse(value) is not None
    except OffsetError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_KIND_CHECKS: dict[str, Callable[[Any], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "date": _is_date,
    "list": lambda value: isinstance(value, list),
    "number": _is_number,
    "offset": _is_offset,
    "text": lambda value: isinstance(value, str),
    "time": lambda value: isinstance(value, str) and _TIME.fullmatch(value) is not None,
}


def is_of_kind(kind: str, value: Any) -> bool:
    """Tell whether a value is of a parameter's or variable's kind."""
    return _KIND_CHECKS[kind](value)
