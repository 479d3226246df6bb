"""One forecast of a vendor at a time in each process: with very many couples it takes seconds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from journeys.models import Vendor

_lock = threading.Lock()
#: Vendors whose forecast is being made in this process.
_under_way: set[int] = set()


class UnderWay(Exception):
    """Another forecast of this vendor is being made: ask again in a moment."""


@contextmanager
def one_at_a_time(vendor: Vendor) -> Iterator[None]:
    """Hold the vendor's turn while a forecast is made.

    Raises:
        UnderWay: somebody else has it.
    """
    with _lock:
        if vendor.pk in _under_way:
            raise UnderWay
        _under_way.add(vendor.pk)
    try:
        yield
    finally:
        with _lock:
            _under_way.discard(vendor.pk)
