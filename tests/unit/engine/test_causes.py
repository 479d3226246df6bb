"""Failures that are put right together have one name."""

from __future__ import annotations

import pytest

from engine.services.causes import cause_key, is_critical, scope_of


@pytest.mark.parametrize(
    ("error_class", "code", "origin", "cause"),
    [
        # An account, a provider or a service: one for all that it stops.
        ("account", "401", "provider:sendgrid", "provider:sendgrid:401"),
        ("account", "circuit_open", "provider:twilio", "provider:twilio:circuit_open"),
        ("transient", "429", "provider:twilio", "provider:twilio:429"),
        ("transient", "http_503", "webhook:crm.example", "webhook:crm.example:http_503"),
        # A fault of ours that came again and again has no origin, and belongs to the step.
        ("transient", "KeyError", "", "step:7:hello:KeyError"),
        # What the step says: one for all couples that come to it.
        ("permanent", "secret_missing", "", "step:7:hello:secret_missing"),
        ("permanent", "http_404", "webhook:crm.example", "step:7:hello:http_404"),
        ("permanent", "definition", "", "step:7:hello:definition"),
        # Data of one couple.
        ("user", "no_recipient", "", "place:3"),
        ("user", "21211", "provider:twilio", "place:3"),
        # Questions about one couple, and what can not be said of others.
        ("user", "late_ask", "", "place:3"),
        ("user", "approval_expired", "", "place:3"),
        ("permanent", "in_doubt", "provider:twilio", "place:3"),
        ("permanent", "poison", "", "place:3"),
        # A class that is not known is taken to be about the step.
        ("strange", "x", "provider:twilio", "step:7:hello:x"),
    ],
)
def test_cause_says_what_is_put_right_together(error_class: str, code: str, origin: str, cause: str) -> None:
    named = cause_key(
        error_class=error_class, code=code, schedule_id=3, journey_id=7, node_id="hello", origin=origin
    )

    assert cause == named


def test_cause_keeps_its_code_however_long_its_origin_is() -> None:
    named = cause_key(
        error_class="transient",
        code="http_503",
        schedule_id=1,
        journey_id=1,
        node_id="n",
        origin="webhook:" + "a" * 250,
    )

    assert 200 == len(named)
    assert named.endswith(":http_503")


@pytest.mark.parametrize(
    ("error_class", "code", "level", "critical"),
    [
        ("permanent", "secret_missing", "engineering", True),
        ("permanent", "poison", "engineering", True),
        ("user", "no_recipient", "emergency", True),
        ("user", "no_recipient", "support", False),
        ("account", "401", "engineering", False),
        ("transient", "429", "engineering", False),
        # Nothing has broken: somebody is asked, and the rest of the passage goes on.
        ("permanent", "in_doubt", "emergency", False),
        ("user", "late_ask", "emergency", False),
        ("user", "approval_expired", "emergency", False),
    ],
)
def test_what_is_broken_holds_the_passage(error_class: str, code: str, level: str, critical: bool) -> None:  # noqa: FBT001 a table
    assert critical == is_critical(error_class=error_class, code=code, level=level)


def test_every_class_of_error_has_a_scope() -> None:
    found = [scope_of(error_class=name, code="x") for name in ("transient", "permanent", "user", "account")]

    assert ["origin", "step", "place", "origin"] == found
