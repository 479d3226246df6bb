"""The figures for Prometheus, read from the database at every scrape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from engine.services.control import queue_status
from monitoring.health import HEART_STOPPED

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Steps are counted over so long.
STEPS_OVER = timedelta(minutes=5)

Samples = Iterable[tuple[Mapping[str, str], float]]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def family(name: str, meaning: str, samples: Samples) -> str:
    """Write one gauge with its samples in Prometheus' own format."""
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
    for labels, value in samples:
        named = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{{{named}}} {value:g}" if named else f"{name} {value:g}")
    return "\n".join(lines)


def _counts(sql: str, label: str, parameters: list[Any] | None = None) -> Samples:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or [])
        return [({label: str(name)}, float(count)) for name, count in cursor.fetchall()]


def _one(sql: str) -> Samples:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [({}, float(cursor.fetchone()[0]))]


def text(*, now: datetime) -> str:
    """Write all figures as they are at `now`."""
    status = queue_status(now=now)
    queues = status["queues"]
    parts = [
        family("wedsync_queue_running", "1 while queue processing is on.", [({}, float(status["running"]))]),
        family(
            "wedsync_queue_due",
            "Steps that are due and not rung for, by queue.",
            [({"queue": one["queue"]}, float(one["due"])) for one in queues],
        ),
        family(
            "wedsync_queue_depth",
            "Steps that are due, rung for or being carried out, by queue.",
            [({"queue": one["queue"]}, float(one["due"] + one["queued"] + one["running"])) for one in queues],
        ),
        family(
            "wedsync_queue_oldest_due_seconds",
            "Age of the oldest due step, by queue.",
            [({"queue": one["queue"]}, float(one["oldest_seconds"])) for one in queues],
        ),
        family(
            "wedsync_instances",
            "Instances by status.",
            _counts("SELECT status, count(*) FROM engine_instance GROUP BY status", "status"),
        ),
        family(
            "wedsync_steps_5m",
            "Steps of the last five minutes by status.",
            _counts(
                "SELECT status, count(*) FROM engine_nodeexecution WHERE at > %s AND at <= %s GROUP BY status",
                "status",
                [now - STEPS_OVER, now],
            ),
        ),
        family(
            "wedsync_messages_in_doubt",
            "Messages of which nobody knows yet whether the provider took them.",
            _one("SELECT count(*) FROM channels_message WHERE status = 'in_doubt'"),
        ),
        family(
            "wedsync_messages_unknown",
            "Messages of which it could not be found out whether the provider took them.",
            _one("SELECT count(*) FROM channels_message WHERE status = 'unknown'"),
        ),
        family(
            "wedsync_alerts_open",
            "Open alerts by level.",
            _counts(
                "SELECT l.level, count(a.id) FROM (VALUES ('warning'), ('critical')) AS l(level) "
                "LEFT JOIN monitoring_alert a ON a.level = l.level AND a.status = 'open' GROUP BY l.level",
                "level",
            ),
        ),
        family(
            "wedsync_promises_broken",
            "Rows that break a promise, as the doctor's last look found them.",
            _counts(
                "SELECT name, broken FROM monitoring_examination WHERE name NOT LIKE 'watch:%%'", "promise"
            ),
        ),
        family(
            "wedsync_tickets_open",
            "Open intervention tickets by level.",
            _counts(
                "SELECT level, count(*) FROM engine_interventionticket WHERE status = 'open' GROUP BY level",
                "level",
            ),
        ),
        family(
            "wedsync_worker_processes",
            "Processes of each worker that shows life and carries out steps.",
            _counts(
                "SELECT substr(name, length('worker:') + 1), detail->>'processes' FROM engine_heartbeat "
                "WHERE name LIKE 'worker:%%' AND detail ? 'processes' AND beat_at > clock_timestamp() - %s",
                "worker",
                [HEART_STOPPED],
            ),
        ),
        family(
            "wedsync_heartbeat_age_seconds",
            "Seconds since a part of the system last showed life.",
            _counts(
                "SELECT name, GREATEST(EXTRACT(EPOCH FROM clock_timestamp() - beat_at), 0) FROM engine_heartbeat "
                "WHERE beat_at > clock_timestamp() - interval '1 hour'",
                "part",
            ),
        ),
    ]
    return "\n".join(parts) + "\n"
