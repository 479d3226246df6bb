"""The environment is checked once, and a wrong word is answered with a sentence."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from config.env import Environment, EnvironmentInvalid, read_environment

KEY = base64.b64encode(bytes(32)).decode()
GOOD = {
    "DATABASE_URL": "postgres://me:secret@db:5432/journeys",
    "REDIS_URL": "redis://cache:6379/0",
    "SECRET_KEY": "x" * 40,
    "DATA_KEYS": f"k2:{KEY}, k1:{KEY}",
    "INDEX_KEY": KEY,
}
SETTINGS_PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_environment_is_typed_with_defaults():
    env = read_environment(GOOD)

    assert (5, 10, 3) == (env.queue_max_concurrency, env.queue_batch_size, env.queue_max_retries)
    assert (f"k2:{KEY}", f"k1:{KEY}") == env.data_keys
    assert env.clock_movable is False


def test_environment_reads_numbers_switches_and_lists():
    env = read_environment(
        GOOD | {"QUEUE_BATCH_SIZE": "25", "DEBUG": "true", "ALLOWED_HOSTS": "a.example, b.example"}
    )

    assert 25 == env.queue_batch_size
    assert env.debug is True
    assert ("a.example", "b.example") == env.allowed_hosts


def test_upper_bound_of_the_processes_may_be_set_alone():
    assert 1 == read_environment(GOOD | {"QUEUE_MAX_CONCURRENCY": "1"}).queue_max_concurrency


def test_empty_variable_counts_as_unset():
    assert 10 == read_environment(GOOD | {"QUEUE_BATCH_SIZE": ""}).queue_batch_size


def test_value_may_come_from_a_file(tmp_path):
    secret = tmp_path / "secret_key"
    secret.write_text("y" * 40 + "\n", encoding="utf-8")
    environ = {name: value for name, value in GOOD.items() if name != "SECRET_KEY"}

    env = read_environment(environ | {"SECRET_KEY_FILE": str(secret)})

    assert "y" * 40 == env.secret_key


def test_file_that_cannot_be_read_is_named_by_its_variable():
    with pytest.raises(EnvironmentInvalid, match="^SECRET_KEY_FILE names a file that cannot be read"):
        read_environment({"SECRET_KEY_FILE": "/nowhere/at/all"})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "DATABASE_URL",
            "sqlite:///x",
            "DATABASE_URL must look like postgres://user:password@host:5432/name.",
        ),
        (
            "DATABASE_URL",
            "postgres://host",
            "DATABASE_URL must look like postgres://user:password@host:5432/name.",
        ),
        ("REDIS_URL", "memory://", "REDIS_URL must look like redis://host:6379/0."),
        (
            "PUBLIC_URL",
            "journeys.example",
            "PUBLIC_URL must be a web address such as https://journeys.example.com.",
        ),
        ("SMTP_URL", "mail.example", "SMTP_URL must look like smtp://user:password@host:587."),
        ("ALERT_EMAILS", "nobody", "ALERT_EMAILS must be email addresses, separated by commas."),
        ("ALERT_EMAILS", "ops@example.com", "ALERT_EMAILS need a mail server: set SMTP_URL."),
        (
            "ALERT_WEBHOOK_URL",
            "ftp://alerts.example.com",
            "ALERT_WEBHOOK_URL must be a web address such as https://alerts.example.com/in.",
        ),
        ("SECRET_KEY", "short", "SECRET_KEY String should have at least 32 characters."),
        ("DATA_KEYS", KEY, "DATA_KEYS needs a different id before the colon"),
        ("DATA_KEYS", f"a:{KEY},a:{KEY}", "DATA_KEYS needs a different id before the colon of each key."),
        (
            "DATA_KEYS",
            "a:abcd",
            "DATA_KEYS must be 32 bytes in base64; make one with: openssl rand -base64 32.",
        ),
        ("DATA_KEYS", ",", "DATA_KEYS needs at least one key, as id:base64."),
        ("INDEX_KEY", "not base64", "INDEX_KEY must be 32 bytes in base64"),
        ("QUEUE_LEASE_SECONDS", "15", "QUEUE_LEASE_SECONDS must be more than the 15 seconds a task may run."),
        ("PROVIDER_TIMEOUT_SECONDS", "15", "PROVIDER_TIMEOUT_SECONDS should be less than or equal to 14."),
        (
            "IN_DOUBT_LIMIT_SECONDS",
            "60",
            "IN_DOUBT_LIMIT_SECONDS must not be less than IN_DOUBT_GRACE_SECONDS.",
        ),
        (
            "QUEUE_MIN_CONCURRENCY",
            "6",
            "QUEUE_MIN_CONCURRENCY must not be more than QUEUE_MAX_CONCURRENCY.",
        ),
        ("LOG_FORMAT", "xml", "LOG_FORMAT should be 'json' or 'console'."),
    ],
)
def test_wrong_value_is_one_sentence_that_names_the_variable(name, value, sentence):
    if (name, value) == ("DATA_KEYS", KEY):
        value = f":{KEY}"

    with pytest.raises(EnvironmentInvalid) as caught:
        read_environment(GOOD | {name: value})

    assert str(caught.value).startswith(sentence)
    assert 1 == len(str(caught.value).splitlines())


def test_every_missing_variable_is_told_at_once():
    with pytest.raises(EnvironmentInvalid) as caught:
        read_environment({})

    named = [line.split(" ", 1)[0] for line in str(caught.value).splitlines()]
    assert ["DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DATA_KEYS", "INDEX_KEY"] == named


def test_wrong_secret_is_not_shown():
    with pytest.raises(EnvironmentInvalid) as caught:
        read_environment(GOOD | {"SECRET_KEY": "hunter2"})

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "https", "host"),
    [("http://localhost:8000", False, "localhost"), ("https://a.example/", True, "a.example")],
)
def test_public_address_tells_scheme_and_host(url, https, host):
    env = read_environment(GOOD | {"PUBLIC_URL": url})

    assert (https, host) == (env.https, env.public_host)


@pytest.mark.parametrize("name", sorted(Environment.model_fields))
def test_every_variable_stands_on_the_settings_page(name):
    field = Environment.model_fields[name]
    default = "required" if field.is_required() else field.default
    shown = (
        "–"
        if default in ("", (), None)
        else str(default).lower()
        if isinstance(default, bool)
        else str(default)
    )
    shown = shown if shown in {"–", "required"} else f"`{shown}`"

    assert f"| `{name.upper()}` | {shown} | {field.description} |" in SETTINGS_PAGE.read_text(
        encoding="utf-8"
    )
