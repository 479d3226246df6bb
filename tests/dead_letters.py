"""Things that broke, to be looked at."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.models import DeadLetter
from engine.services import dead_letters
from journeys.models import Vendor


def a_dead_letter(
    vendor: Vendor | None, *, now: datetime, kind: str = "wake", key: str = "", **payload: Any
) -> DeadLetter:
    """Keep something as if it had broken; by default what happened to a client who is not there."""
    return dead_letters.keep(
        kind=kind,
        key=key or f"{kind}:{DeadLetter.objects.count()}",
        vendor_id=vendor.pk if vendor else None,
        payload=payload or {"client_id": 0, "topics": ["client"]},
        error=KeyError("what nobody may read"),
        now=now,
    )


def broken(*_args: Any, **_kwargs: Any) -> Any:
    """Break, and say what nobody may read."""
    raise ZeroDivisionError("the secret of ines@example.com")
