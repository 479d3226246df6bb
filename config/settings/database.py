"""PostgreSQL: one pool of connections for each process, with time limits kept by the server."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from config.env import env

IDLE_IN_TRANSACTION_SECONDS = 10
DATABASE_POOL_SIZE = env.database_pool_size
CONNECT_TIMEOUT_SECONDS = 5
POOL_WAIT_SECONDS = 10
#: A statement is planned once by the server when a connection has asked it so often.
PREPARE_AFTER = 3


def database_from_url(url: str) -> dict[str, Any]:
    """Turn `postgres://user:password@host:port/name?sslmode=require` into Django's words.

    `prepare_threshold=none` is for a pool in transaction mode that knows no prepared statements.
    """
    parts = urlsplit(url)
    query: dict[str, Any] = dict(parse_qsl(parts.query))
    if "prepare_threshold" in query:
        text = query["prepare_threshold"]
        query["prepare_threshold"] = int(text) if text.isdigit() else None
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", None) or unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": query,
    }


def _server_settings(*, statement_seconds: int) -> str:
    return (
        f"-c statement_timeout={statement_seconds * 1000} "
        f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS * 1000}"
    )


_default = database_from_url(env.database_url)
# Parameters travel beside the statement, which can so be prepared: planning a step's statements costs more than
# carrying them out.
_default["OPTIONS"] = {"server_side_binding": True, "prepare_threshold": PREPARE_AFTER} | _default["OPTIONS"]
_default["OPTIONS"] |= {
    "pool": {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": POOL_WAIT_SECONDS},
    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    "options": _server_settings(statement_seconds=env.database_statement_timeout_seconds),
}

DATABASES = {
    # A pool and connections kept open by Django exclude each other, so CONN_MAX_AGE stays 0.
    "default": _default | {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True, "ATOMIC_REQUESTS": False},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.redis_url
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    },
}
