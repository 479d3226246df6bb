"""Fill the database with many rows like one that the services made: one statement for each table."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

from bench.spending import FILLING, spending

#: Tables that Django, the beat and the migrations need as they are.
_KEEP = ("django_%", "auth_%")
#: Tables in which processes that run are written down.
_AT_WORK = ("engine_heartbeat", "engine_worker")
#: How often all tables are asked for, two seconds each time.
ATTEMPTS = 10

#: An expression for a public identifier like those of the services, different in every row.
NEW_ID = "substr(md5(random()::text || clock_timestamp()::text || n.n::text), 1, 22)"


@contextlib.contextmanager
def plain() -> Iterator[psycopg.Connection[Any]]:
    """Connect without time limits and without the triggers that check every single row."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        # Keys that point to other rows are right by how the rows are made; checking a million takes minutes.
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")
        yield connection


@spending.on(FILLING)
def multiply(table: str, *, like: int, rows: int | str, **changed: str) -> int:
    """Add rows like the one with the number `like`; return how many there were.

    `rows` is how many, or a query whose result is known as `n`, one row of which makes one row; a number is known as
    `n.n`, from 1. `changed` gives an SQL expression for each column that differs; the expressions are the bench's own.
    """
    source = (
        sql.SQL("generate_series(1, {}) AS n(n)").format(sql.Literal(rows))
        if isinstance(rows, int)
        else sql.SQL("({}) AS n").format(_own(rows))
    )
    with plain() as connection:
        names = [
            str(row[0])
            for row in connection.execute(
                """SELECT column_name FROM information_schema.columns
                   WHERE table_schema = current_schema() AND table_name = %s
                     AND column_name <> 'id' AND is_generated = 'NEVER' ORDER BY ordinal_position""",
                [table],
            )
        ]
        if unknown := set(changed) - set(names):
            message = f"{table} has no column {', '.join(sorted(unknown))}."
            raise ValueError(message)
        values = [
            _own(changed[name]) if name in changed else sql.SQL("o.{}").format(sql.Identifier(name))
            for name in names
        ]
        cursor = connection.execute(
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} AS o CROSS JOIN {} WHERE o.id = {}").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.SQL(", ").join(values),
                sql.Identifier(table),
                source,
                sql.Literal(like),
            )
        )
        return cursor.rowcount


def _own(text: str) -> sql.SQL:
    """Take a text of the bench's own as SQL."""
    return sql.SQL(text)  # type: ignore[arg-type,unused-ignore] # composed here, from nothing that anybody sends


@contextlib.contextmanager
def indexes_later(table: str) -> Iterator[None]:
    """Drop a table's plain indexes while it is filled, and build them again at the end, which is much faster."""
    with plain() as connection:
        found = connection.execute(
            """SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
               WHERE i.indrelid = %s::regclass
                 AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)""",
            [table],
        ).fetchall()
        for name, _definition in found:
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name.strip('"'))))
    try:
        yield
    finally:
        with spending.on(FILLING), plain() as connection:
            for _name, definition in found:
                # Of a partitioned table it says ONLY, which would leave its partitions without.
                connection.execute(_own(str(definition).replace(" ON ONLY ", " ON ", 1)))


@spending.on(FILLING)
def settle(*tables: str) -> None:
    """Bring statistics and visibility up to date, as autovacuum does in time, and write everything out."""
    with plain() as connection:
        for table in tables:
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("CHECKPOINT")


@spending.on(FILLING)
def empty(*, at_work: bool = False) -> None:
    """Empty every table of the system, so that a question begins with nothing, and write out what that leaves to write.

    Numbers of rows go on: processes remember versions by theirs. With `at_work` those who run the system stay on
    record; they are at rest, but their ticks go on.
    """
    keep = [*_KEEP, *(_AT_WORK if at_work else ())]
    with plain() as connection:
        tables = [
            str(row[0])
            for row in connection.execute(
                """SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace
                   AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT LIKE ALL (%s)""",
                [keep],
            )
        ]
        everything = sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(map(sql.Identifier, tables)))
        connection.execute("SET lock_timeout = '2s'")
        for left in reversed(range(ATTEMPTS)):
            try:
                connection.execute(everything)
                break
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                # A tick had one of the tables in hand.
                if not left:
                    raise
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("CHECKPOINT")
