"""What a webhook step puts together before anybody is called."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from engine.nodes.webhook import Webhook, WebhookSettings
from journeys.language.expressions import compile_expression
from journeys.language.outcomes import CallWebhook, Outcome, StepContext
from journeys.language.texts import render

NOW = datetime(2027, 4, 14, 9, 0, tzinfo=UTC)
#: Whatever a couple may be called; empty names are refused by the text itself.
NAMES = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=40).filter(
    lambda name: bool(name.strip())
)


def asked(facts: dict[str, Any], **settings: Any) -> Outcome:
    context = StepContext(
        node_id="call",
        settings=WebhookSettings.model_validate(settings),
        facts=facts,
        now=NOW,
        attempt=1,
        visit=1,
        rounds=0,
        waiting=None,
        evaluate=lambda source: compile_expression(source).evaluate(facts, NOW),
        render=lambda source: render(source, facts),
    )
    return Webhook().execute(context)


@given(name=NAMES)
def test_a_name_stays_in_its_place_in_the_address(name: str) -> None:
    outcome = asked(
        {"client": {"first_name": name}}, url="https://example.com/c/{{ client.first_name }}/end?x=1#y"
    )

    assert isinstance(outcome, CallWebhook)
    parts = urlsplit(outcome.url)
    segments = parts.path.split("/")
    assert (parts.hostname, parts.query, parts.fragment) == ("example.com", "x=1", "y")
    assert segments[1:2] + segments[3:] == ["c", "end"]
    assert unquote(segments[2]) == render("{{ client.first_name }}", {"client": {"first_name": name}})
    assert outcome.url.isascii()
    assert not outcome.host_from_facts


@given(name=NAMES)
def test_a_name_stays_a_text_in_the_body(name: str) -> None:
    facts = {"client": {"first_name": name}}

    outcome = asked(facts, url="https://example.com/", body={"a": ["{{ client.first_name }}"], "b": 1})

    assert isinstance(outcome, CallWebhook)
    assert json.loads(outcome.body) == {"a": [render("{{ client.first_name }}", facts)], "b": 1}


@given(name=NAMES)
def test_a_name_can_not_begin_another_header(name: str) -> None:
    outcome = asked(
        {"client": {"first_name": name}},
        url="https://example.com/",
        headers=[{"name": "X-Name", "value": "{{ client.first_name }}"}],
    )

    if isinstance(outcome, CallWebhook):
        assert all(text.isascii() and text.isprintable() for _, text, _ in outcome.headers)
