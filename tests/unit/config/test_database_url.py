"""A database URL says everything Django needs."""

from __future__ import annotations

import pytest

from config.settings.database import database_from_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgres://me:p%40ss@db.example:5433/journeys?sslmode=require",
            {
                "NAME": "journeys",
                "USER": "me",
                "PASSWORD": "p@ss",
                "HOST": "db.example",
                "PORT": "5433",
                "OPTIONS": {"sslmode": "require"},
            },
        ),
        (
            "postgres:///journeys?host=/run/postgresql",
            {
                "NAME": "journeys",
                "USER": "",
                "PASSWORD": "",
                "HOST": "/run/postgresql",
                "PORT": "",
                "OPTIONS": {},
            },
        ),
    ],
)
def test_url_becomes_djangos_words(url, expected):
    assert expected | {"ENGINE": "django.db.backends.postgresql"} == database_from_url(url)


def test_server_ends_long_statements_and_forgotten_transactions(settings):
    options = settings.DATABASES["default"]["OPTIONS"]["options"]

    assert "statement_timeout=30000" in options
    assert "idle_in_transaction_session_timeout=10000" in options


@pytest.mark.parametrize(("said", "threshold"), [("5", 5), ("none", None)])
def test_url_says_whether_statements_are_prepared(said, threshold):
    found = database_from_url(f"postgres://db/journeys?prepare_threshold={said}")

    assert {"prepare_threshold": threshold} == found["OPTIONS"]


def test_statements_are_prepared_by_the_server(settings):
    options = settings.DATABASES["default"]["OPTIONS"]

    assert (True, 3) == (options["server_side_binding"], options["prepare_threshold"])
