"""Offsets as people say them: "30 days before", "2 weeks and 3 hours"."""

from __future__ import annotations

from .errors import OffsetError
from .offsets import Offset

_DAY, _HOUR = 24 * 60, 60


def length_words(offset: Offset) -> str:
    """Say how long an offset is, without its direction; "no time" for none."""
    minutes = abs(offset.minutes)
    days = abs(offset.days)
    terms = [
        (abs(offset.months), "month"),
        (days // 7 if days and days % 7 == 0 else 0, "week"),
        (0 if days % 7 == 0 else days, "day"),
        (abs(offset.business_days), "business day"),
        (minutes // _HOUR, "hour"),
        (minutes % _HOUR, "minute"),
    ]
    said = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in terms if count]
    return " and ".join(said) or "no time"


def offset_words(text: str) -> str:
    """Say a written offset: "30 days before", "the day itself", "2 hours after"; unreadable ones as they are."""
    try:
        offset = Offset.parse(text or "0d")
    except OffsetError:
        return text
    if not any(offset.parts):
        return "the day itself"
    return f"{length_words(offset)} {'before' if max(offset.parts) <= 0 else 'after'}"
