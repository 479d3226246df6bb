"""Ticks of the beat: each is carried out in one place at a time, whoever sends how many of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Task
from django.db import connection

#: First half of the locks' names; the second is made of the tick's name.
LOCK_SPACE = 7_260_413
_SIGNED = 2**31


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Tell whether nobody else is at this tick right now, and keep it so until the block ends.

    By a lock of PostgreSQL, which frees it when the process dies; no clock is asked.
    """
    lock = [LOCK_SPACE, zlib.crc32(name.encode()) - _SIGNED]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", lock)
        is_alone = bool(cursor.fetchone()[0])
    try:
        yield is_alone
    finally:
        if is_alone and connection.connection is not None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", lock)


class Tick(Task):  # type: ignore[type-arg] # generic for type checkers only
    """A task of the beat. One that comes while the same is being carried out is left out: the next is near."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Carry it out, or leave it out."""
        with alone(self.name) as is_alone:
            return super().__call__(*args, **kwargs) if is_alone else None
