"""The filters a text may use; none of them reads the clock, prints "None" or grows without bound."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from babel import Locale
from liquid.builtin.filters import array, math, misc, string
from liquid.context import RenderContext
from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context
from liquid.undefined import is_undefined

from .text_dates import DATE_FILTERS, reader_of

#: Characters, for the whole text and for any value on the way.
MAX_OUTPUT = 200_000
#: Entries of any list on the way, and rounds of all loops together.
MAX_ENTRIES = 10_000


@with_context
def _date(value: Any, form: str = "%d %B %Y", *, context: RenderContext) -> str:
    """Write a date or a moment (ISO) in another form: %d %e %m %b %B %y %Y %a %A %H %I %M %p."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise FilterArgumentError("date needs a date such as wedding.date", token=None) from None
    return _written(moment, str(form), reader_of(context))


def _written(moment: datetime, form: str, reader: Locale) -> str:
    months, weekdays = reader.months["format"], reader.days["format"]
    names = {
        "d": f"{moment.day:02d}",
        "e": str(moment.day),
        "m": f"{moment.month:02d}",
        "b": str(months["abbreviated"][moment.month]),
        "B": str(months["wide"][moment.month]),
        "y": f"{moment.year % 100:02d}",
        "Y": f"{moment.year:04d}",
        "a": str(weekdays["abbreviated"][moment.weekday()]),
        "A": str(weekdays["wide"][moment.weekday()]),
        "H": f"{moment.hour:02d}",
        "I": f"{(moment.hour - 1) % 12 + 1:02d}",
        "M": f"{moment.minute:02d}",
        "p": "AM" if moment.hour < 12 else "PM",  # noqa: PLR2004 # noon
        "%": "%",
    }
    pieces = form.split("%")
    written = [pieces[0]]
    index = 1
    while index < len(pieces):
        piece = pieces[index]
        if not piece and index + 1 < len(pieces):
            written += ["%", pieces[index + 1]]
            index += 2
            continue
        if piece[:1] not in names:
            raise FilterArgumentError(f"date does not know %{piece[:1]}", token=None)
        written += [names[piece[:1]], piece[1:]]
        index += 1
    return "".join(written)


def _replace(value: Any, old: Any, new: Any = "") -> str:
    text, old, new = str(value), str(old), str(new)
    _bound(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _join(value: Any, separator: Any = " ") -> str:
    items = [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
    _bound(sum(map(len, items)) + len(str(separator)) * len(items))
    return str(separator).join(items)


def _bound(length: int) -> None:
    if length > MAX_OUTPUT:
        raise FilterArgumentError(f"the text grows over {MAX_OUTPUT:,} characters", token=None)


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse empty values (except for `default`, which is there for them) and outgrown results."""

    @functools.wraps(function)
    def run(value: Any, *arguments: Any, **named: Any) -> Any:
        if name != "default" and any(
            argument is None or is_undefined(argument) for argument in (value, *arguments)
        ):
            raise FilterArgumentError(
                f'{name} got a value that is empty; write | default: "…" before it', token=None
            )
        result = function(value, *arguments, **named)
        if isinstance(result, str):
            _bound(len(result))
        elif isinstance(result, list) and len(result) > MAX_ENTRIES:
            raise FilterArgumentError(f"a list grows over {MAX_ENTRIES:,} entries", token=None)
        return result

    return run


_KNOWN: dict[str, Callable[..., Any]] = {
    "abs": math.abs_,
    "append": string.append,
    "at_least": math.at_least,
    "at_most": math.at_most,
    "capitalize": string.capitalize,
    "ceil": math.ceil,
    "compact": array.compact,
    "concat": array.concat,
    "date": _date,
    "default": misc.default,
    "divided_by": math.divided_by,
    "downcase": string.downcase,
    "first": array.first,
    "floor": math.floor,
    "join": _join,
    "last": array.last,
    "lstrip": string.lstrip,
    "map": array.map_,
    "minus": math.minus,
    "modulo": math.modulo,
    "plus": math.plus,
    "prepend": string.prepend,
    "remove": string.remove,
    "replace": _replace,
    "reverse": array.reverse,
    "round": math.round_,
    "rstrip": string.rstrip,
    "size": misc.size,
    "slice": string.slice_,
    "sort": array.sort,
    "split": string.split,
    "strip": string.strip,
    "strip_newlines": string.strip_newlines,
    "times": math.times,
    "truncate": string.truncate,
    "truncatewords": string.truncatewords,
    "uniq": array.uniq,
    "upcase": string.upcase,
    "url_encode": string.url_encode,
    "where": array.where,
    **DATE_FILTERS,
}

#: What the template library is given.
FILTERS: dict[str, Callable[..., Any]] = {name: _guarded(name, run) for name, run in _KNOWN.items()}


def as_iso(value: Any) -> Any:
    """Return dates as the ISO text that facts carry, everything else unchanged."""
    return value.isoformat() if isinstance(value, date) else value
