"""How long to leave a failed step alone before it is tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

_DAY = 86_400.0
_WEEK = 7 * _DAY


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Back off exponentially with full jitter; near the wedding everything is shorter."""

    #: Tries in all, the first included.
    max_attempts: int = 3
    base_seconds: float = 30.0
    cap_seconds: float = 3600.0

    def allows(self, attempt: int) -> bool:
        """Tell whether another try may follow after this one (counted from 1)."""
        return attempt < self.max_attempts

    def ceiling(self, attempt: int, *, seconds_to_wedding: float | None) -> timedelta:
        """Return the longest pause after this try: base doubled for each earlier try, up to the cap.

        Base and cap are halved within 7 days of the wedding and divided by 6 within one day.
        """
        divisor = _urgency(seconds_to_wedding)
        doublings = min(max(attempt, 1) - 1, 32)
        return timedelta(seconds=min(self.cap_seconds, self.base_seconds * 2.0**doublings) / divisor)

    def delay(
        self, attempt: int, *, seconds_to_wedding: float | None, random: Callable[[], float]
    ) -> timedelta:
        """Return the pause after this try: anywhere between zero and the ceiling.

        `random` gives a number from 0 up to 1; `seconds_to_wedding` is negative after the wedding, None
        when there is no date.
        """
        return self.ceiling(attempt, seconds_to_wedding=seconds_to_wedding) * random()


def _urgency(seconds_to_wedding: float | None) -> int:
    """Return by how much to shorten: the wedding day itself counts as near, what lies behind does not."""
    if seconds_to_wedding is None or seconds_to_wedding < -_DAY or seconds_to_wedding > _WEEK:
        return 1
    return 6 if seconds_to_wedding <= _DAY else 2
