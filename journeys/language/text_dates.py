"""Filters that write dates, numbers and money the way the reader's language does, and count days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal, is_currency
from liquid.context import RenderContext
from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context

from .functions import FUNCTIONS
from .signatures import Refused, World

#: English as most of the world writes it: "Saturday 12 June 2027".
_ENGLISH = "en_001"
_MOST_DIGITS = 10
#: Facts that these filters read beside the value they are given.
READS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("long_date", "short_date", "weekday", "month_name", "clock_time", "decimal", "money"),
        ("client.locale",),
    ),
    "date": ("client.locale",),
    "days_to": ("wedding.time_zone", "now"),
    **dict.fromkeys(("days_between", "months_between", "add_days", "add_months"), ("wedding.time_zone",)),
}


@lru_cache(maxsize=256)
def locale_of(text: str) -> Locale:
    """Return the locale of a name such as "pt-BR"; an unknown one is taken by its language, or else is English."""
    name = text.strip().replace("-", "_")
    for candidate in (name, name.partition("_")[0]):
        if candidate.lower() in {"en", ""}:
            break
        try:
            return Locale.parse(candidate)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse(_ENGLISH)


def reader_of(context: RenderContext, given: object = None) -> Locale:
    """Return the locale named, or else the recipient's, or else the client's."""
    if given is not None:
        return locale_of(str(given)[:20])
    for root in ("recipient", "client"):
        found = context.get([root, "locale"], token=None, default="")
        if found:
            return locale_of(str(found))
    return locale_of("en")


def _day(value: Any) -> date:
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError:
        raise FilterArgumentError("a date is needed, such as wedding.date", token=None) from None


@with_context
def long_date(value: Any, locale: Any = None, *, context: RenderContext) -> str:
    """Write "Saturday 12 June 2027" in the reader's language."""
    return str(format_date(_day(value), "full", locale=reader_of(context, locale)))


@with_context
def short_date(value: Any, locale: Any = None, *, context: RenderContext) -> str:
    """Write "12 Jun 2027" in the reader's language."""
    return str(format_date(_day(value), "medium", locale=reader_of(context, locale)))


@with_context
def weekday(value: Any, locale: Any = None, *, context: RenderContext) -> str:
    """Write "Saturday" in the reader's language."""
    return str(format_date(_day(value), "EEEE", locale=reader_of(context, locale)))


@with_context
def month_name(value: Any, locale: Any = None, *, context: RenderContext) -> str:
    """Write "June" in the reader's language."""
    return str(format_date(_day(value), "LLLL", locale=reader_of(context, locale)))


@with_context
def clock_time(value: Any, locale: Any = None, *, context: RenderContext) -> str:
    """Write a time of the day such as wedding.time the way the reader's language does."""
    text = str(value)
    try:
        at = datetime.fromisoformat(text).time() if "T" in text else time.fromisoformat(text)
    except ValueError:
        raise FilterArgumentError("a time is needed, such as wedding.time", token=None) from None
    return str(format_time(at.replace(tzinfo=None), "short", locale=reader_of(context, locale)))


@with_context
def decimal(value: Any, digits: Any = None, *, context: RenderContext) -> str:
    """Write a number with the marks of the reader's language."""
    number = _number(value)
    if digits is None:
        return str(format_decimal(number, locale=reader_of(context)))
    if not isinstance(digits, int) or not 0 <= digits <= _MOST_DIGITS:
        raise FilterArgumentError(f"0 to {_MOST_DIGITS} digits can be written", token=None)
    form = f"#,##0.{'0' * digits}" if digits else "#,##0"
    return str(format_decimal(number, format=form, locale=reader_of(context)))


@with_context
def money(value: Any, currency: Any, *, context: RenderContext) -> str:
    """Write an amount in a currency such as "EUR" the way the reader's language does."""
    if not is_currency(str(currency)):
        raise FilterArgumentError('a currency is three letters, such as "EUR"', token=None)
    return str(format_currency(_number(value), str(currency), locale=reader_of(context)))


def _number(value: Any) -> Decimal:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise FilterArgumentError("a number is needed", token=None) from None
    if not found.is_finite() or abs(found.adjusted()) > 30:  # noqa: PLR2004 # more than anything is worth
        raise FilterArgumentError("the number is too large", token=None)
    return found


def _like(name: str) -> Callable[..., Any]:
    """Return the function of expressions of this name, as a filter."""

    @with_context
    def run(value: Any, *arguments: Any, context: RenderContext) -> Any:
        zone = context.get(["wedding", "time_zone"], token=None, default="")
        now = _now(context)
        if now is None and "now" in READS[name]:
            raise FilterArgumentError(f"{name} needs to know the time", token=None)
        world = World({"wedding": {"time_zone": zone}}, now or datetime.min)  # noqa: DTZ901 # not looked at
        refusals: list[str] = []
        try:
            return FUNCTIONS[name].bound(world, refusals.append)(value, *arguments)
        except Refused:
            raise FilterArgumentError(refusals[-1], token=None) from None

    return run


def _now(context: RenderContext) -> datetime | None:
    """Return the time that the facts carry, None where they carry none."""
    try:
        return datetime.fromisoformat(str(context.get(["now"], token=None, default="")))
    except ValueError:
        return None


DATE_FILTERS: dict[str, Callable[..., Any]] = {
    "long_date": long_date,
    "short_date": short_date,
    "weekday": weekday,
    "month_name": month_name,
    "clock_time": clock_time,
    "decimal": decimal,
    "money": money,
    **{name: _like(name) for name in ("days_to", "days_between", "months_between", "add_days", "add_months")},
}
