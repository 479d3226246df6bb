"""What a figure depends on, and the refusal to measure where it would mean nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import psycopg
import redis

#: Settings of PostgreSQL that must be on: without them a commit may be lost, and a figure is of something else.
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class NotDurable(Exception):
    """The database may lose what it has committed, so that no figure is taken from it."""

    def __init__(self, off: list[str]) -> None:
        super().__init__(
            f"{' and '.join(off)} must be on in PostgreSQL: a figure without says nothing. "
            "Unset DATABASE_URL to measure with the project's own server, or turn it on in yours."
        )


def settings_of(*, database: str, broker: str) -> dict[str, Any]:
    """Give versions and settings that matter.

    Raises:
        NotDurable: the database does not keep what it commits.
    """
    with psycopg.connect(database) as connection:
        durable = {name: str(_show(connection, name)) for name in DURABLE}
        off = [name for name, value in durable.items() if value != "on"]
        if off:
            raise NotDurable(off)
        postgres, buffers = _show(connection, "server_version"), _show(connection, "shared_buffers")
    with redis.Redis.from_url(broker) as client:
        # redis-py types both of its clients, the waiting and the asynchronous one, as one.
        info: Any = client.info("server")
    return {
        **durable,
        "postgres": postgres,
        "shared_buffers": buffers,
        "redis": str(info.get("valkey_version") or info["redis_version"]),
        "redis_client": version("redis"),
        "python": platform.python_version(),
        **{name: version(name) for name in ("celery", "kombu", "django", "psycopg")},
    }


def load() -> float:
    """Give how many processes have wanted a processor in the last minute."""
    return round(os.getloadavg()[0], 2)


def cores() -> int:
    """Give how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _show(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    return str(row[0]) if row else ""
