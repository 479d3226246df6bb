"""Log lines carry no personal data and no secrets."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from config.logging import configure, logging_config, mask_personal_data


def _masked(**event):
    return mask_personal_data(None, "info", event)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sent to ana.meyer+x@example.co.uk today", "sent to [email] today"),
        ("calls +49 170 123 45 67 now", "calls [phone] now"),
        ("calls (0)20 7946-0958 now", "calls ([phone] now"),
        ("due 2027-06-12 at 2027-06-12T09:00:00+00:00", "due 2027-06-12 at 2027-06-12T09:00:00+00:00"),
        ('no server at "127.0.0.1", port 5432', 'no server at "127.0.0.1", port 5432'),
        ("took 123 ms on port 54329", "took 123 ms on port 54329"),
    ],
)
def test_text_shows_neither_addresses_nor_numbers(text, expected):
    assert expected == _masked(event=text)["event"]


def test_secrets_are_hidden_by_their_name_at_any_depth():
    event = _masked(
        event="x", request={"headers": {"Authorization": "Bearer abc"}}, api_key="k", body="Dear Ana"
    )

    assert {
        "event": "x",
        "request": {"headers": {"Authorization": "[hidden]"}},
        "api_key": "[hidden]",
        "body": "[hidden]",
    } == event


def test_lists_are_masked_too():
    assert ["[email]", 3] == _masked(recipients=["a@b.example", 3])["recipients"]


def test_own_numbers_stay_readable():
    assert {"instance_id": "12345678901", "lease_seconds": 20} == _masked(
        instance_id="12345678901", lease_seconds=20
    )


@pytest.fixture
def lines():
    """Log into memory as production does, and put the settings of the test run back."""
    before = logging.getLogger().handlers[:], logging.getLogger().level
    config = logging_config(level="INFO", style="json")
    stream = io.StringIO()
    config["handlers"]["stdout"]["stream"] = stream
    configure(config)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().handlers[:], logging.getLogger().level = before


def test_production_line_is_json_with_time_level_and_origin(lines):
    structlog.get_logger("engine.runner").info("step done", node="welcome")

    (line,) = lines()
    assert ("step done", "welcome", "info", "engine.runner") == (
        line["event"],
        line["node"],
        line["level"],
        line["logger"],
    )
    assert line["timestamp"].endswith("Z")


def test_line_of_another_library_takes_the_same_way(lines):
    logging.getLogger("somebody").warning("wrote to %s", "ana@example.com")

    assert ["wrote to [email]"] == [line["event"] for line in lines()]


def test_traceback_is_masked(lines):
    try:
        raise ValueError("no such person: ana@example.com")
    except ValueError:
        structlog.get_logger("engine").exception("failed")

    (line,) = lines()
    assert "no such person: [email]" in line["exception"]
