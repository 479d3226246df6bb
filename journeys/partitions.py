"""History tables in monthly partitions, made ahead of time."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.migrations.operations import RunSQL

#: Months kept ready ahead of the engine's time.
MONTHS_AHEAD = 3

#: Tables that are partitioned by month of their `at` column; each app adds its own.
PARTITIONED: list[str] = []

#: Creates one monthly partition if it is missing; idempotent, safe from two sessions at once.
#: Rows of that month that already fell into the default partition move over, or PostgreSQL would refuse it.
CREATE_FUNCTION = """
CREATE OR REPLACE FUNCTION ensure_month_partition(parent text, month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text := parent || to_char(month, '_YYYY_MM');
    starts date := date_trunc('month', month)::date;
    ends date := (date_trunc('month', month) + interval '1 month')::date;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext(parent));
    IF to_regclass(name) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name, parent);
        PERFORM set_config('journeys.moving_rows', 'on', true);
        EXECUTE format('WITH moved AS (DELETE FROM %I WHERE at >= %L AND at < %L RETURNING *) '
                       'INSERT INTO %I SELECT * FROM moved', parent || '_default', starts, ends, name);
        PERFORM set_config('journeys.moving_rows', '', true);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, name, starts, ends);
    END IF;
END $$;
"""
DROP_FUNCTION = "DROP FUNCTION IF EXISTS ensure_month_partition(text, date);"


def register(table: str) -> None:
    """Name a table that `ensure` keeps partitions for; a second call changes nothing."""
    if table not in PARTITIONED:
        PARTITIONED.append(table)


def ensure(*, now: datetime, months_ahead: int = MONTHS_AHEAD) -> None:
    """Make the partitions from last month to `months_ahead` months after `now`, where they are missing.

    What arrives outside of them lands in the default partition, which `doctor` reports.
    """
    with connection.cursor() as cursor:
        for table in PARTITIONED:
            cursor.execute(
                """SELECT ensure_month_partition(%s, month::date)
                   FROM generate_series(date_trunc('month', %s::timestamptz) - interval '1 month',
                                        date_trunc('month', %s::timestamptz) + make_interval(months => %s),
                                        interval '1 month') AS month
                   WHERE to_regclass(%s || to_char(month, '_YYYY_MM')) IS NULL""",
                [table, now, now, months_ahead, table],
            )


def partition_by_month(table: str) -> RunSQL:
    """Make an empty table, just created by Django, into one partitioned by month of its `at` column.

    For a migration, after CreateModel. The key becomes (id, at), since a unique key of a partitioned table must
    hold the partition column; plain indexes stay as Django named them.
    """
    return RunSQL(
        sql=f"""
        DO $$
        DECLARE
            index_definitions text[];
            definition text;
        BEGIN
            SELECT array_agg(pg_get_indexdef(indexrelid)) INTO index_definitions
            FROM pg_index WHERE indrelid = '{table}'::regclass AND NOT indisunique;
            ALTER TABLE {table} RENAME TO {table}_plain;
            CREATE TABLE {table} (LIKE {table}_plain INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
                PARTITION BY RANGE (at);
            DROP TABLE {table}_plain;
            CREATE SEQUENCE {table}_id_seq AS bigint OWNED BY {table}.id;
            ALTER TABLE {table} ALTER COLUMN id SET DEFAULT nextval('{table}_id_seq');
            ALTER TABLE {table} ADD PRIMARY KEY (id, at);
            FOREACH definition IN ARRAY coalesce(index_definitions, '{{}}') LOOP
                EXECUTE replace(definition, '{table}_plain', '{table}');
            END LOOP;
            CREATE TABLE {table}_default PARTITION OF {table} DEFAULT;
            PERFORM ensure_month_partition('{table}', month::date)
            FROM generate_series(date_trunc('month', now()) - interval '1 month',
                                 date_trunc('month', now()) + interval '{MONTHS_AHEAD} months',
                                 interval '1 month') AS month;
        END $$;
        """,  # noqa: S608 the table is named by a migration, never by a person
        reverse_sql=RunSQL.noop,
    )
