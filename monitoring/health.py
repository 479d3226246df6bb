"""Whether each part of the system that is needed is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

log = structlog.get_logger(__name__)

#: A heart that has not beaten for so long has stopped. Beats come every 1 s (beat) and 5 s (workers).
HEART_STOPPED = timedelta(seconds=15)
REDIS_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """What one part came to: fine or not, and a sentence without secrets."""

    ok: bool
    detail: str


def database() -> Check:
    """Ask PostgreSQL for one row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Check(ok=True, detail="PostgreSQL answers.")


def redis_answers() -> Check:
    """Ping Redis."""
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
    )
    try:
        client.ping()
    finally:
        client.close()
    return Check(ok=True, detail="Redis answers.")


def migrations() -> Check:
    """Compare the migrations of the code with those that the database has."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        return Check(ok=False, detail=f"{len(missing)} migrations are missing: run `manage.py migrate`.")
    return Check(ok=True, detail="All migrations are applied.")


_BEATS = "SELECT count(*) FROM engine_heartbeat WHERE name LIKE %s AND beat_at > clock_timestamp() - make_interval(secs => %s)"


def _hearts(pattern: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_BEATS, [pattern, HEART_STOPPED.total_seconds()])
        return int(cursor.fetchone()[0])


def beat() -> Check:
    """Look for the beat's last tick."""
    if _hearts("beat"):
        return Check(ok=True, detail="The beat ticks.")
    return Check(ok=False, detail="No tick for 15 s: start the beat and the worker of the queue ticks.")


def workers() -> Check:
    """Count the workers that showed life."""
    count = _hearts("worker:%")
    if count:
        return Check(ok=True, detail=f"{count} workers show life.")
    return Check(ok=False, detail="No worker showed life for 15 s: start one.")


#: Asked in this order; each is named in the answer.
CHECKS: dict[str, Callable[[], Check]] = {
    "database": database,
    "redis": redis_answers,
    "migrations": migrations,
    "beat": beat,
    "workers": workers,
}


def check_all() -> dict[str, Check]:
    """Ask every part; one that fails does not keep the others from being asked."""
    found: dict[str, Check] = {}
    for name, check in CHECKS.items():
        try:
            found[name] = check()
        except (DatabaseError, redis.RedisError, OSError) as error:
            log.warning("health.part_missing", part=name, error=type(error).__name__)
            found[name] = Check(ok=False, detail="It does not answer.")
    return found
