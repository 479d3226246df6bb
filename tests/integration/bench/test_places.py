"""The database and the Redis number that a run of the bench has for itself."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
import redis

from bench import places

pytestmark = pytest.mark.stack


@pytest.fixture(autouse=True)
def own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave prepared databases alone that a bench has made on this server."""
    monkeypatch.setattr(places, "PREPARED", f"bench_tested_{os.getpid()}_")
    monkeypatch.setattr(places, "KEPT", 0)


@pytest.fixture
def server() -> str:
    return os.environ["DATABASE_URL"]


def make_table(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE prepared AS SELECT 7 AS answer")


def names(server: str) -> set[str]:
    with psycopg.connect(server) as connection:
        return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}


def test_two_at_once_have_different_numbers() -> None:
    url = os.environ["REDIS_URL"]

    with places.own_number(url) as one, places.own_number(url) as other:
        assert one != other


def test_a_number_stays_taken_when_it_is_emptied_and_is_empty_in_the_end() -> None:
    url = os.environ["REDIS_URL"]
    with places.own_number(url) as own, redis.Redis.from_url(own) as client:
        client.set("bell", 1)
        places.empty_number(own)

        assert client.keys() == [places.TAKEN.encode()]
    with redis.Redis.from_url(own) as client:
        assert client.dbsize() == 0


def test_a_number_that_holds_anything_is_nobodys_to_take() -> None:
    url = os.environ["REDIS_URL"]
    with places.own_number(url) as own:
        pass
    with redis.Redis.from_url(own) as client:
        client.set("somebody's", 1)
        try:
            with places.own_number(url) as other:
                assert other != own
            assert client.keys() == [b"somebody's"]
        finally:
            client.delete("somebody's")


def test_a_database_is_a_copy_of_what_was_prepared_once(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "KEPT", 1)
    source, prepared = tmp_path / "0001_initial.py", []
    source.write_text("one table")

    def prepare(database: str) -> None:
        prepared.append(database)
        make_table(database)

    try:
        first = places.prepared(server, sources=[source], prepare=prepare)
        second = places.prepared(server, sources=[source], prepare=prepare)
        with (
            places.own_database(server, suffix="copy", like=first) as own,
            psycopg.connect(own) as connection,
        ):
            answer = connection.execute("SELECT answer FROM prepared").fetchone()
        source.write_text("another table")
        third = places.prepared(server, sources=[source], prepare=prepare)

        assert (first, len(prepared), answer) == (second, 2, (7,))
        # Of those that were prepared, the youngest stays.
        assert {third} == {name for name in names(server) if name.startswith(places.PREPARED)}
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            monkeypatch.setattr(places, "KEPT", 0)
            places._drop_older(connection)


def test_what_could_not_be_prepared_leaves_nothing(server: str, tmp_path: Path) -> None:
    source = tmp_path / "0001_initial.py"
    source.write_text("one table")
    before = names(server)

    def break_off(database: str) -> None:
        raise RuntimeError("no such column")

    with pytest.raises(RuntimeError, match="no such column"):
        places.prepared(server, sources=[source], prepare=break_off)

    assert names(server) == before


def test_what_is_prepared_is_known_by_names_and_contents_of_its_sources(tmp_path: Path) -> None:
    for folder in ("here", "there"):
        path = tmp_path / folder / "engine" / "migrations"
        path.mkdir(parents=True)
        (path / "0001_initial.py").write_text("one table")
        (path / "0002_more.py").write_text("one table")
    here, there = (tmp_path / folder / "engine" / "migrations" for folder in ("here", "there"))

    one = places.digest([here / "0001_initial.py"], "2027-04")

    assert places.digest([there / "0001_initial.py"], "2027-04") == one
    assert places.digest([here / "0002_more.py"], "2027-04") != one
    assert places.digest([here / "0001_initial.py"], "2027-05") != one
    (here / "0001_initial.py").write_text("two tables")
    assert places.digest([here / "0001_initial.py"], "2027-04") != one
