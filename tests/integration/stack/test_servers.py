"""Real servers start from packages, as any user, and survive what happens to a machine."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psycopg
import pytest
import redis

from dev import children
from dev import postgres as module
from dev.postgres import postgres
from dev.valkey import valkey

pytestmark = pytest.mark.stack


@pytest.fixture
def folder(open_place, request):
    place = open_place / request.node.name
    place.mkdir()
    return place


def test_postgres_keeps_its_data_from_one_run_to_the_next(folder):
    with postgres(folder / "pg", durable=True) as url, psycopg.connect(url) as db:
        db.execute("CREATE TABLE kept (word text)")
        db.execute("INSERT INTO kept VALUES ('ÄÖÜ')")

    with postgres(folder / "pg", durable=True) as url, psycopg.connect(url) as db:
        assert ("äöü",) == db.execute("SELECT lower(word) FROM kept").fetchone()
        assert "18" == db.execute("SHOW server_version").fetchone()[0].split(".")[0]


def test_postgres_starts_over_the_lock_of_a_dead_server(folder):
    with postgres(folder / "pg", durable=True):
        pass
    # The number of a process that lives but is no server: ours.
    (folder / "pg" / "postmaster.pid").write_text(f"{os.getpid()}\n", encoding="utf-8")

    with postgres(folder / "pg", durable=True) as url, psycopg.connect(url) as db:
        assert (1,) == db.execute("SELECT 1").fetchone()


def test_postgres_left_by_a_killed_run_is_stopped_first(folder):
    with postgres(folder / "pg", durable=True) as first:
        orphan = int((folder / "pg" / "postmaster.pid").read_text(encoding="utf-8").split()[0])

        with postgres(folder / "pg", durable=True) as second, psycopg.connect(second) as db:
            assert first != second
            assert (1,) == db.execute("SELECT 1").fetchone()
            assert "postgres -D" not in children.command_of(orphan)


def test_postgres_that_is_not_durable_leaves_nothing(folder):
    with postgres(folder / "pg", durable=False) as url:
        assert url.startswith("postgres://postgres@127.0.0.1:")

    assert not (folder / "pg").exists()


def test_valkey_keeps_its_data_after_a_kill(folder):
    with valkey(folder / "valkey", durable=True) as url:
        with redis.Redis.from_url(url) as client:
            client.set("bell", "rung")
        time.sleep(1.2)  # its log reaches the disk once a second
        os.kill(int((folder / "valkey" / "server.pid").read_text(encoding="utf-8")), signal.SIGKILL)

    with valkey(folder / "valkey", durable=True) as url, redis.Redis.from_url(url) as client:
        assert b"rung" == client.get("bell")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a server as somebody else")
def test_postgres_runs_as_another_user_for_root_even_in_a_private_folder(folder, monkeypatch):
    monkeypatch.setattr(module, "_PUBLIC_PLACE", folder)
    private = folder / "private"
    private.mkdir(mode=0o700)

    with postgres(private / "pg", durable=False) as url, psycopg.connect(url) as db:
        pid = db.execute("SELECT pg_backend_pid()").fetchone()[0]

        assert 0 != Path(f"/proc/{pid}").stat().st_uid
