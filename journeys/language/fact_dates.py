"""Dates that stand in a couple's own data: a variable, a field, the answer to a form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def raw_value(facts: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a dotted path of the facts; None where nothing does."""
    value: Any = facts
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def date_in(facts: Mapping[str, Any] | None, path: str) -> str | None:
    """Return the date at a path as "2027-05-01", or with its time as "2027-05-01T15:30"; None when it is no date.

    Nothing is guessed: "1.5.27" and "May 1st" are no dates here, for a wrong day is worse than none.
    """
    value = None if facts is None else raw_value(facts, path)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text).isoformat()
        if _DAY.match(text) and len(text) > len("2027-05-01") and text[10] in "T ":
            return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return None
    return None
