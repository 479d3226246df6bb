"""A database and a Redis number of their own, so that a measurement touches nobody's data."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

HIGHEST_NUMBER = 15
LOWEST_NUMBER = 8


@contextlib.contextmanager
def own_database(url: str, *, suffix: str = "") -> Iterator[str]:
    """Make an empty database on the server of `url`, give its address, and drop it at the end."""
    name = f"bench_{os.getpid()}" + (f"_{suffix}" if suffix else "")
    identifier = sql.Identifier(name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))


@contextlib.contextmanager
def own_number(url: str) -> Iterator[str]:
    """Find an empty number on the Redis server of `url`, give its address, and empty it at the end."""
    parts = urlsplit(url)
    for number in range(HIGHEST_NUMBER, LOWEST_NUMBER - 1, -1):
        own = parts._replace(path=f"/{number}").geturl()
        with contextlib.closing(redis.Redis.from_url(own)) as client:
            if client.dbsize():
                continue
            try:
                yield own
            finally:
                client.flushdb()
            return
    message = f"The Redis server has no empty database from {LOWEST_NUMBER} to {HIGHEST_NUMBER}: empty one."
    raise SystemExit(message)
