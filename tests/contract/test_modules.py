"""What each of the seven modules declares, from the day it is registered."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from engine.discovery import discover
from journeys.language.modules import LONGEST_CALL_SECONDS, VENDOR_MODULES, Module, WeddingRule
from journeys.language.registry import NodeType, node_types

discover()

EVERY = pytest.mark.parametrize("name", VENDOR_MODULES)


def declared(name: str) -> tuple[NodeType, Module]:
    node_type = node_types.get(name)
    assert node_type.module is not None
    return node_type, node_type.module


@EVERY
def test_a_module_declares_its_limits(name: str) -> None:
    _, module = declared(name)

    assert 0 < module.limits.time_seconds <= LONGEST_CALL_SECONDS
    assert module.limits.memory_mb > 0
    assert module.limits.per_minute > 0
    assert 0 < module.target_ms <= module.limits.time_seconds * 1000


@EVERY
def test_a_module_says_what_it_does_near_the_day(name: str) -> None:
    _, module = declared(name)

    assert module.wedding_rules
    assert all(rule.says.endswith(".") for rule in module.wedding_rules)


@EVERY
def test_a_module_reaches_outside_and_has_settings_that_a_form_can_be_drawn_from(name: str) -> None:
    node_type, _ = declared(name)

    assert node_type.outside
    assert node_type.settings_model.model_json_schema()["properties"]


def test_no_other_step_is_a_module() -> None:
    assert {one.type for one in node_types if one.module is not None} == set(VENDOR_MODULES)


DAY = date(2027, 6, 12)
LISBON = "Europe/Lisbon"
#: 11 June 23:30 in Lisbon, one hour behind summer time.
EVE = datetime(2027, 6, 11, 22, 30, tzinfo=UTC)
AFTER = datetime(2027, 6, 12, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "purpose", "now", "marked", "expected"),
    [
        (WeddingRule("any_day", "."), "marketing", EVE, False, None),
        (WeddingRule("not_before_the_day", "."), "transactional", EVE - timedelta(days=900), False, AFTER),
        (WeddingRule("not_before_the_day", "."), "transactional", EVE + timedelta(hours=12), False, AFTER),
        (WeddingRule("not_before_the_day", "."), "transactional", AFTER, False, None),
        (WeddingRule("not_near_the_day", ".", days=3), "transactional", EVE, False, AFTER),
        (WeddingRule("not_near_the_day", ".", days=3), "transactional", EVE - timedelta(days=3), False, None),
        (
            WeddingRule("not_near_the_day", ".", days=3, purpose="marketing"),
            "transactional",
            EVE,
            False,
            None,
        ),
        (WeddingRule("not_near_the_day", ".", days=0), "transactional", EVE, False, None),
        (WeddingRule("not_near_the_day", "."), "transactional", EVE + timedelta(hours=1), False, AFTER),
        (WeddingRule("not_near_the_day", "."), "transactional", EVE + timedelta(hours=1), True, None),
        (WeddingRule("not_near_the_day", ".", days=3), "transactional", EVE, True, AFTER),
        (WeddingRule("not_when_cancelled", "."), "transactional", EVE, False, None),
    ],
)
def test_a_rule_holds_until_the_day_is_over(
    *, rule: WeddingRule, purpose: str, now: datetime, marked: bool, expected: datetime | None
) -> None:
    held = rule.holds_until(purpose=purpose, day=DAY, zone=LISBON, now=now, on_the_day=marked)

    assert held == expected


def test_a_wedding_without_a_date_holds_nothing_back() -> None:
    rule = WeddingRule("not_before_the_day", ".")

    assert rule.holds_until(purpose="transactional", day=None, zone=LISBON, now=EVE) is None
