"""What every test may ask for, how the database is made, and how it is emptied after tests that commit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

import pytest
from django.db import connections, transaction
from django.test import TransactionTestCase

from engine import ticking
from tests.racing import Threads
from tests.template import template

#: What migrations have written and no test changes.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}

_TABLES = """
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
ORDER BY 1
"""


@cache
def _filled(alias: str) -> str:
    """Write the question which tables hold anything."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_TABLES)
        tables = [row[0] for row in cursor.fetchall() if row[0].strip('"') not in KEPT]
    return " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})"  # noqa: S608 names from the catalog
        for table in tables
    )


def _empty_tables(case: TransactionTestCase) -> None:
    """Leave nothing behind, at a twentieth of the cost of truncating all tables and making all permissions anew.

    Foreign keys and triggers are not asked, for this one transaction only: whatever breaks it, they are back after it.
    """
    for alias in case._databases_names(include_mirrors=False):
        question = _filled(alias)
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            cursor.execute(question)
            filled = [row[0] for row in cursor.fetchall()]
            if filled:
                cursor.execute("SET LOCAL session_replication_role = replica")
                cursor.execute("; ".join(f"DELETE FROM {table}" for table in filled))  # noqa: S608


TransactionTestCase._fixture_teardown = _empty_tables  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Copy the test database instead of running all migrations for each process of the tests."""
    connections["default"].settings_dict["TEST"]["TEMPLATE"] = template()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Close what ticks keep open, before the test database is dropped."""
    yield
    ticking.let_go()


@pytest.fixture
def now() -> datetime:
    """A Wednesday morning in spring, in UTC."""
    return datetime(2027, 4, 14, 9, 0, tzinfo=UTC)


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Threads that have ended when the test has."""
    with Threads() as found:
        yield found
