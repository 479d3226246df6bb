"""Dates that follow from other dates, such as "the gallery is delivered six weeks after the wedding"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from .business import BusinessCalendar
from .errors import CalendarError, OffsetError
from .offsets import Offset
from .timing import AnchorMoment

#: Derived dates of one vendor, at most.
MAX_DERIVED = 50

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_FIELDS = frozenset({"from", "offset", "at"})
_HOW = 'Write {"gallery_delivery": {"from": "wedding", "offset": "42d"}}.'


@dataclass(frozen=True, slots=True)
class DerivedAnchor:
    """Say how far a date is from another one."""

    #: Name of the date it is counted from; that one may be derived too.
    origin: str
    #: Whole days: months, weeks, days and business days.
    offset: Offset
    #: Wall-clock time there; None: the steps' own time, or 09:00.
    at: time | None = None


def read_derived(setting: Any) -> dict[str, DerivedAnchor]:
    """Read {"gallery_delivery": {"from": "wedding", "offset": "42d", "at": "10:00"}, …}; nothing is no dates.

    Raises CalendarError when an entry cannot be read, or dates are counted from one another in a circle.
    """
    if not setting:
        return {}
    if not isinstance(setting, Mapping):
        raise CalendarError(f"Derived dates are not an object. {_HOW}")
    if len(setting) > MAX_DERIVED:
        raise CalendarError(f"There are {len(setting)} derived dates; {MAX_DERIVED} are the most.")
    found = {str(name): _one(str(name), entry) for name, entry in setting.items()}
    for name in found:
        _refuse_circle(name, found)
    return found


def with_derived(
    anchors: Mapping[str, AnchorMoment], derived: Mapping[str, DerivedAnchor], *, business: BusinessCalendar
) -> dict[str, AnchorMoment]:
    """Return the dates with those that follow from them; a date of its own wins, a missing origin gives none."""
    known = dict(anchors)
    waiting = {name: one for name, one in derived.items() if name not in known}
    while ready := [name for name, one in waiting.items() if one.origin in known]:
        for name in ready:
            one = waiting.pop(name)
            origin = known[one.origin]
            known[name] = AnchorMoment(
                one.offset.add_to_date(origin.day, business=business), one.at, origin.zone
            )
    return known


def origin_of(name: str, derived: Mapping[str, DerivedAnchor]) -> str:
    """Return the name of the date that a chain of derived dates begins with."""
    while name in derived:
        name = derived[name].origin
    return name


def _one(name: str, entry: Any) -> DerivedAnchor:
    if not _NAME.fullmatch(name) or name == "wedding":
        raise CalendarError(
            f"The derived date's name {name[:60]!r} cannot be used. Write small letters, digits and _ (at most 40)."
        )
    if not isinstance(entry, Mapping) or not _FIELDS.issuperset(entry):
        raise CalendarError(f"The derived date {name!r} cannot be read. {_HOW}")
    origin, offset, at = entry.get("from", "wedding"), entry.get("offset"), entry.get("at")
    if not isinstance(origin, str) or not _NAME.fullmatch(origin):
        raise CalendarError(f"The derived date {name!r} is counted from no date. {_HOW}")
    if at is not None and (not isinstance(at, str) or not _TIME.fullmatch(at)):
        raise CalendarError(f'The derived date {name!r} has no time of the day such as "10:00".')
    try:
        distance = Offset.parse(offset if isinstance(offset, str) else "")
    except OffsetError as error:
        raise CalendarError(f"The derived date {name!r}: {error}") from None
    if distance.minutes:
        raise CalendarError(
            f"The derived date {name!r} is a day: write its distance in days, weeks or months."
        )
    return DerivedAnchor(origin, distance, time.fromisoformat(at) if at else None)


def _refuse_circle(name: str, derived: Mapping[str, DerivedAnchor]) -> None:
    seen = {name}
    origin = derived[name].origin
    while origin in derived:
        if origin in seen:
            raise CalendarError(
                f"The derived dates {', '.join(sorted(seen))} are counted from one another. "
                "Count one of them from the wedding."
            )
        seen.add(origin)
        origin = derived[origin].origin
