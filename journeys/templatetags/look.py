"""Icons, marks of states, names and times, as every page shows them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import template
from django.templatetags.static import static
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

#: The color class of each mark; shape says the state, color repeats it.
MARKS = {
    "sent": "is-success",
    "plan": "is-plan",
    "wait": "is-plan",
    "run": "is-run",
    "pause": "is-quiet",
    "skip": "is-quiet",
    "ask": "is-warn",
    "warn": "is-warn",
    "danger": "is-danger",
    "critical": "is-critical",
    "day": "is-day",
    "live": "is-run",
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon of the sprite; it says nothing to a screen reader, its label does."""
    return format_html(
        '<svg class="i" aria-hidden="true"><use href="{}#i-{}"></use></svg>',
        static("journeys/icons.svg"),
        name,
    )


@register.simple_tag
def mark(name: str, extra: str = "") -> SafeString:
    """Draw the mark of a state in its color; the word beside it says the state."""
    return format_html(
        '<svg class="m {} {}" aria-hidden="true"><use href="{}#m-{}"></use></svg>',
        MARKS.get(name, ""),
        extra,
        static("journeys/icons.svg"),
        name,
    )


@register.filter
def couple(name: Any) -> SafeString:
    """Set a couple's name in the display face, with the italic ampersand."""
    parts = str(name or "").split(" & ")
    joined = format_html_join(mark_safe(" <i>&amp;</i> "), "{}", ((part,) for part in parts))
    return format_html('<span class="couple">{}</span>', joined)


@register.simple_tag(takes_context=True)
def current(context: dict[str, Any], *prefixes: str) -> SafeString:
    """Write aria-current when the page's path begins with one of the prefixes; "=" before one means exactly."""
    request = context.get("request")
    path = request.path if request is not None else ""
    for prefix in prefixes:
        exact = prefix.startswith("=")
        if path == prefix[1:] if exact else path.startswith(prefix):
            return mark_safe(' aria-current="page"')
    return mark_safe("")


@register.filter
def initials(user: Any) -> str:
    """Give one or two letters for the person's round sign."""
    words = (user.get_full_name() or user.get_username()).replace("@", " ").replace(".", " ").split()
    return "".join(word[0] for word in words[:2]).upper() or "·"


@register.filter
def thousands(number: float | None) -> str:
    """Write a count with separators: 1,284."""
    return "" if number is None else f"{number:,}"


@register.filter
def place(zone: str) -> str:
    """Say whose clock a zone is: "Lisbon", "New York"."""
    return str(zone).rpartition("/")[2].replace("_", " ") or "UTC"


def zone_of(name: str) -> ZoneInfo:
    """Give the zone of an IANA name, UTC for an empty or unknown one."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def day_text(day: date, *, today: date) -> str:
    """Write a day as people say it: "Today", "Sat 12 Jun", with the year only when it is another."""
    if day == today:
        return "Today"
    text = f"{day:%a} {day.day} {day:%b}"
    return text if day.year == today.year else f"{text} {day.year}"


def moment_text(at: datetime, *, now: datetime, zone: str) -> str:
    """Write a moment on a zone's clock: "Sat 12 Jun, 09:00"."""
    tz = zone_of(zone)
    local = at.astimezone(tz)
    return f"{day_text(local.date(), today=now.astimezone(tz).date())}, {local:%H:%M}"


@register.simple_tag
def moment(at: datetime | None, now: datetime, zone: str = "UTC") -> SafeString:
    """Write a moment for a page; the exact instant is in the datetime attribute."""
    if at is None:
        return mark_safe("")
    return format_html(
        '<time datetime="{}">{}</time>',
        at.isoformat(),
        conditional_escape(moment_text(at, now=now, zone=zone)),
    )
