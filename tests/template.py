"""The database that every test database is copied from, so that the migrations run once for each server."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import django
import psycopg
from django.apps import apps
from psycopg import sql

ROOT = Path(__file__).parents[1]
PREFIX = "journeys_tests_"
HALF = f"{PREFIX}half_made"
#: Templates of earlier migrations that stay on a server.
KEPT = 3
#: One builds, the others wait for it. Any number that nothing else here locks.
_LOCK = 5_021_961


def template() -> str:
    """Return the name of an empty database with all migrations applied, and make it where it is missing.

    It is known by what the migrations say: when one changes, the next call builds anew.
    """
    name = PREFIX + _digest()
    with _server() as server:
        server.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        known = {row[0] for row in server.execute("SELECT datname FROM pg_database").fetchall()}
        if name not in known:
            for old in _old(server):
                server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(old)))
            _build(server, name)
    return name


def _old(server: psycopg.Connection) -> list[str]:
    """Name what a build before left half made, and all but the youngest: trees with other migrations may be at theirs."""
    rows = server.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY oid DESC", [PREFIX]
    ).fetchall()
    whole = [row[0] for row in rows if row[0] != HALF]
    return [HALF, *whole[KEPT:]]


def _build(server: psycopg.Connection, name: str) -> None:
    server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(HALF)))
    env = {
        **os.environ,
        "DATABASE_URL": urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{HALF}").geturl(),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--noinput", "-v", "0"], cwd=ROOT, env=env, check=True
    )
    # It has this name only when it is whole.
    server.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(HALF), sql.Identifier(name))
    )


@contextmanager
def _server() -> Iterator[psycopg.Connection]:
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path="/postgres").geturl()
    with psycopg.connect(url, autocommit=True) as server:
        yield server


def _digest() -> str:
    """Say in a few letters which migrations there are and what they contain."""
    digest = hashlib.sha256(django.__version__.encode())
    for app in sorted(apps.get_app_configs(), key=lambda one: one.label):
        for path in sorted(Path(app.path, "migrations").glob("*.py")):
            digest.update(f"{app.label} {path.name}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:20]
