"""A database and a Redis number of their own, so that a measurement touches nobody's data."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from dev.places import ROOT

HIGHEST_NUMBER = 15
LOWEST_NUMBER = 8
#: The key that says that a number is taken, and how long it does if its owner is killed.
TAKEN, TAKEN_SECONDS = "bench:taken", 3_600
#: How the names of prepared databases begin, and how many stay on a server: other trees have other migrations.
PREPARED, KEPT = "bench_prepared_", 3
#: One prepares, others wait for it. Any number that nothing else locks.
_LOCK = 5_021_962


@contextlib.contextmanager
def own_database(url: str, *, suffix: str = "", like: str = "") -> Iterator[str]:
    """Make a database on the server of `url`, give its address, and drop it at the end.

    It is empty, or a copy of the database named `like`.
    """
    name = f"bench_{os.getpid()}" + (f"_{suffix}" if suffix else "")
    with psycopg.connect(url, autocommit=True) as connection:
        _create(connection, name, like=like)
    try:
        yield _address(url, name)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            _drop(connection, name)


def own_address(url: str) -> str:
    """Give the address that `own_database` will give, for what must know it before."""
    return _address(url, f"bench_{os.getpid()}")


def prepared(url: str, *, sources: list[Path], prepare: Callable[[str], object]) -> str:
    """Give the name of a database that `prepare` has filled, made now where none stands that the same sources made.

    It stays on the server, to be copied: the next run has its tables at once. `prepare` is given its address; nobody may
    be connected to it when `prepare` returns. A new month makes it anew too, since tables are divided by months.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        (month,) = connection.execute("SELECT to_char(now(), 'YYYY-MM')").fetchone() or ("",)
        name = PREPARED + digest(sources, str(month))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            half = f"bench_{os.getpid()}_half_made"
            _create(connection, half)
            try:
                prepare(_address(url, half))
                # It has this name only when it is whole.
                connection.execute(
                    sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                        sql.Identifier(half), sql.Identifier(name)
                    )
                )
            finally:
                _drop(connection, half)
            _drop_older(connection)
    return name


def digest(sources: list[Path], *words: str) -> str:
    """Say in a few letters what files are called and contain."""
    found = hashlib.sha256("\n".join(words).encode())
    for path in sources:
        # As in every other copy of the project.
        found.update(f"\n{path.parent.parent.name} {path.name}\n".encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:20]


def migration_files() -> list[Path]:
    """List what decides what the migrations make: their own files, of every app, and what they call; call after setup."""
    import django  # noqa: PLC0415 the environment names our own database first
    from django.apps import apps  # noqa: PLC0415 the same

    every = sorted(apps.get_app_configs(), key=lambda one: one.label)
    files = [path for app in every for path in sorted(Path(app.path, "migrations").glob("*.py"))]
    return [*files, ROOT / "journeys" / "partitions.py", Path(django.__file__)]


@contextlib.contextmanager
def own_number(url: str) -> Iterator[str]:
    """Take an empty number on the Redis server of `url` that nobody else has, give its address, and empty it at the end."""
    for number in range(HIGHEST_NUMBER, LOWEST_NUMBER - 1, -1):
        own = _address(url, str(number))
        with contextlib.closing(redis.Redis.from_url(own)) as client:
            if not client.set(TAKEN, os.getpid(), nx=True, ex=TAKEN_SECONDS):
                continue
            if client.dbsize() > 1:
                client.delete(TAKEN)
                continue
            try:
                yield own
            finally:
                client.flushdb()
            return
    message = f"The Redis server has no empty database from {LOWEST_NUMBER} to {HIGHEST_NUMBER}: empty one."
    raise SystemExit(message)


def empty_number(url: str) -> None:
    """Take everything out of a Redis number of ours, which stays ours."""
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        # redis-py types both of its clients, the waiting and the asynchronous one, as one.
        keys: Any = client.keys()
        if others := [key for key in keys if key != TAKEN.encode()]:
            client.delete(*others)


def _address(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _create(connection: psycopg.Connection[Any], name: str, *, like: str = "") -> None:
    template = sql.SQL(" TEMPLATE {}").format(sql.Identifier(like)) if like else sql.SQL("")
    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + template)


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _drop_older(connection: psycopg.Connection[Any]) -> None:
    """Drop all prepared databases but the youngest."""
    found = connection.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY oid DESC", [PREPARED]
    ).fetchall()
    for (name,) in found[KEPT:]:
        _drop(connection, str(name))
