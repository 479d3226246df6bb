"""What a simulation says is what happens: both are run along the same clock and compared step by step."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from channels.services.suppression import suppress
from engine.simulation.given import AssumedEvent, Assumptions
from journeys.services.journeys import journey_create, journey_publish
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.integration.simulation.truth import assert_true_to_life

pytestmark = pytest.mark.django_db

TEMPLATES = sorted((Path(__file__).resolve().parents[3] / "journeys" / "templates").glob("*.yaml"))


def test_a_chain_of_letters_and_waits_comes_as_simulated(now: datetime) -> None:
    vendor = a_vendor(now=now)
    couple = a_couple(vendor, now=now)
    journey = (
        a_journey()
        .email("hello")
        .wait("breath", for_="3d")
        .email("questions", to=["couple"])
        .wait_for_date("month_before", "-30d")
        .email("timeline")
        .publish(vendor, now=now)
    )

    way, _ = assert_true_to_life(journey, couple, Assumptions(), now=now)

    assert ["hello", "questions", "timeline"] == [one.node_id for one in way.happenings if one.sends]


def test_sending_hours_hold_back_as_simulated(now: datetime) -> None:
    vendor = a_vendor(now=now, sending_hours={"mon": [["09:00", "18:00"]]})
    couple = a_couple(vendor, now=now)
    journey = a_journey().email("hello").wait(for_="1d").email("more").publish(vendor, now=now)

    way, _ = assert_true_to_life(journey, couple, Assumptions(), now=now)

    assert any(one.held for one in way.happenings)


def test_a_couple_that_books_late_gets_what_was_simulated(now: datetime) -> None:
    vendor = a_vendor(now=now)
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=20))
    journey = (
        a_journey()
        .email("half_a_year", when={"kind": "anchor", "offset": "-6mo"}, late={"rule": "skip"})
        .email("month", when={"kind": "anchor", "offset": "-30d"}, late={"rule": "send"})
        .email("soon", when={"kind": "anchor", "offset": "-21d"})
        .email("ask", when={"kind": "anchor", "offset": "-25d"}, late={"rule": "ask"})
        .email("after", when={"kind": "anchor", "offset": "5d"})
        .publish(vendor, now=now)
    )

    way, _ = assert_true_to_life(journey, couple, Assumptions(), now=now)

    assert "skipped" == way.happenings[1].status
    assert [("ask", True)] == [(one.node_id, one.needs_person) for one in way.stands]


def test_a_wedding_without_a_date_stands_where_it_was_simulated_to_stand(now: datetime) -> None:
    vendor = a_vendor(now=now)
    couple = a_couple(vendor, now=now, wedding_in=None)
    journey = a_journey().email("hello").wait_for_date("month", "-30d").email("more").publish(vendor, now=now)

    way, _ = assert_true_to_life(journey, couple, Assumptions(), now=now)

    assert "Waits until the wedding has a date." == way.stands[0].reason


def test_conditions_see_what_is_assumed_to_be_heard(now: datetime) -> None:
    vendor = a_vendor(now=now)
    couple = a_couple(vendor, now=now)
    journey = (
        a_journey()
        .email("invoice")
        .wait(for_="5d")
        .condition("paid", "'deposit' in payments.received")
        .email("thanks")
        .publish(vendor, now=now)
    )
    paid = AssumedEvent(
        type="payment_received",
        topic="deposit",
        payload={"amount": 600, "currency": "EUR"},
        at=now + timedelta(days=2),
    )

    with_it, _ = assert_true_to_life(journey, couple, Assumptions(events=(paid,)), now=now)
    without, _ = assert_true_to_life(journey, a_couple(vendor, now=now), Assumptions(), now=now)

    assert ["invoice", "thanks"] == [one.node_id for one in with_it.happenings if one.sends]
    assert ["invoice"] == [one.node_id for one in without.happenings if one.sends]


def test_changes_are_seen_by_later_steps(now: datetime) -> None:
    vendor = a_vendor(now=now)
    couple = a_couple(vendor, now=now)
    journey = (
        a_journey()
        .action(
            "note",
            {"kind": "add_tag", "tag": "vip"},
            {"kind": "set_status", "status": "done"},
            {"kind": "set_field", "name": "album", "value": "{{ client.first_name }}"},
        )
        .condition("seen", "'vip' in client.tags && client.status == 'done' && client.fields.album == 'Inês'")
        .email("yes")
        .publish(vendor, now=now)
    )

    way, _ = assert_true_to_life(journey, couple, Assumptions(), now=now)

    assert any(one.sends for one in way.happenings)


def test_nobody_to_write_to_is_found_beforehand(now: datetime) -> None:
    vendor = a_vendor(now=now)
    couple = a_couple(vendor, now=now)
    journey = (
        a_journey()
        .email("planner", to=["planner"], on_error="skip")
        .sms("partner", to=["partner_2"])
        .email("missing", body="{% if client.fields.album %}Hello{% endif %}")
        .publish(vendor, now=now)
    )

    way, _ = assert_true_to_life(journey, couple, Assumptions(), now=now)

    assert "This wedding has no planner: add the person." == way.happenings[1].reason
    assert way.warnings


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
@pytest.mark.parametrize("days", [400, 60])
def test_ready_made_journeys_come_as_simulated(path: Path, days: int, now: datetime) -> None:
    vendor = a_vendor(now=now)
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=days))
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    journey = journey_create(
        vendor=vendor, name=content["name"], definition=content["definition"], now=now, actor=ACTOR
    )
    journey_publish(journey=journey, now=now, actor=ACTOR)
    journey.refresh_from_db()

    assert_true_to_life(journey, couple, Assumptions(), now=now)


def parted(*, mode: str = "all", kind: str = "all") -> dict:
    """A journey that parts in three branches of different length and comes together again."""
    branch = {"all": {}, "matching": {"if": "client.status == 'booked'"}, "case": {"if": "false"}}[kind]
    nodes = [
        {"id": "start", "type": "start", "name": "", "settings": {"trigger": {"type": "manual"}}},
        {
            "id": "part",
            "type": "split",
            "name": "",
            "settings": {
                "by": {"kind": kind, "branches": [{"port": port, **branch} for port in ("a", "b", "c")]}
            },
        },
        *(
            {"id": f"wait_{port}", "type": "wait", "settings": {"when": {"kind": "duration", "for": for_}}}
            for port, for_ in (("a", "1d"), ("b", "2d"), ("c", "5d"))
        ),
        *(
            {
                "id": f"mail_{port}",
                "type": "email",
                "settings": {"subject": port, "body": "x", "to": ["partner_1"]},
            }
            for port in ("a", "b")
        ),
        {"id": "meet", "type": "merge", "settings": {"split": "part", "mode": mode}},
        {"id": "last", "type": "email", "settings": {"subject": "Last", "body": "x", "to": ["partner_1"]}},
        {"id": "end", "type": "end", "settings": {}},
    ]
    edges = [
        ("start", "next", "part"),
        *(("part", port, f"wait_{port}") for port in ("a", "b", "c")),
        ("wait_a", "next", "mail_a"),
        ("wait_b", "next", "mail_b"),
        ("mail_a", "next", "meet"),
        ("mail_b", "next", "meet"),
        ("wait_c", "next", "meet"),
        ("meet", "next", "last"),
        ("last", "next", "end"),
    ]
    if kind == "matching":
        edges.append(("part", "else", "end"))
    return {
        "schema_version": 1,
        "parameters": {},
        "variables": {},
        "nodes": nodes,
        "edges": [{"from": source, "port": port, "to": target} for source, port, target in edges],
    }


def published(vendor, definition: dict, *, now: datetime):
    journey = journey_create(vendor=vendor, name="Parted", definition=definition, now=now, actor=ACTOR)
    journey_publish(journey=journey, now=now, actor=ACTOR)
    journey.refresh_from_db()
    return journey


@pytest.mark.parametrize("mode", ["all", "first"])
def test_branches_part_and_come_together_as_simulated(mode: str, now: datetime) -> None:
    vendor = a_vendor(now=now)
    journey = published(vendor, parted(mode=mode), now=now)

    way, _ = assert_true_to_life(journey, a_couple(vendor, now=now), Assumptions(), now=now)

    sent = [one.node_id for one in way.happenings if one.sends]
    assert (["mail_a", "mail_b", "last"] if mode == "all" else ["mail_a", "last"]) == sent
    assert (0 if mode == "all" else 2) == sum(one.status == "cancelled" for one in way.happenings)


def test_goals_and_exits_end_a_passage_as_simulated(now: datetime) -> None:
    vendor = a_vendor(now=now)
    definition = {
        **a_journey().email("hello").wait(for_="5d").email("more").definition(),
        "goals": [{"name": "paid", "if": "payments.total > 100.0"}],
        "exits": [{"name": "lost", "if": "client.status == 'lost'"}],
    }
    journey = published(vendor, definition, now=now)
    payment = {"type": "payment_received", "topic": "deposit", "payload": {"amount": 500, "currency": "EUR"}}
    paid = AssumedEvent(**payment, at=now + timedelta(days=2))

    way, _ = assert_true_to_life(journey, a_couple(vendor, now=now), Assumptions(events=(paid,)), now=now)

    assert "goal:paid" == way.result
    assert now + timedelta(days=2) == way.ended_at


@pytest.mark.parametrize("heard", [True, False])
def test_waits_for_something_end_as_simulated(*, heard: bool, now: datetime) -> None:
    vendor = a_vendor(now=now)
    builder = (
        a_journey()
        .email("ask")
        .step(
            "answer",
            "wait_for",
            event="payment_received",
            topic="deposit",
            timeout={"kind": "duration", "for": "7d"},
        )
    )
    definition = builder.email("thanks").definition()
    definition["nodes"].append(
        {"id": "remind", "type": "email", "settings": {"subject": "Remind", "body": "x"}}
    )
    definition["edges"] += [
        {"from": "answer", "port": "timeout", "to": "remind"},
        {"from": "remind", "port": "next", "to": "end"},
    ]
    journey = published(vendor, definition, now=now)
    payment = {"type": "payment_received", "topic": "deposit", "payload": {"amount": 500, "currency": "EUR"}}
    events = (AssumedEvent(**payment, at=now + timedelta(days=2)),) if heard else ()

    way, _ = assert_true_to_life(journey, a_couple(vendor, now=now), Assumptions(events=events), now=now)

    assert ["ask", "thanks" if heard else "remind"] == [one.node_id for one in way.happenings if one.sends]


def test_limits_on_how_much_a_couple_gets_hold_back_as_simulated(now: datetime) -> None:
    rules = {"spacing": {"hours": 24, "transactional": True}}
    vendor = a_vendor(now=now)
    vendor.contact_rules = rules
    vendor.save()
    journey = a_journey().email("one").email("two").email("three").publish(vendor, now=now)

    way, _ = assert_true_to_life(journey, a_couple(vendor, now=now), Assumptions(), now=now)

    assert [0, 1, 2] == [(one.at - now).days for one in way.happenings if one.sends]


def test_an_address_that_must_not_be_written_to_is_known_beforehand(now: datetime) -> None:
    vendor = a_vendor(now=now)
    couple = a_couple(vendor, now=now)
    address = couple.weddings.get().stakeholders.get(role="partner_2").email
    suppress(vendor_id=vendor.id, channel="email", address=address, reason="unsubscribed", now=now)
    journey = a_journey().email("hello", to=["couple"]).publish(vendor, now=now)

    way, _ = assert_true_to_life(journey, couple, Assumptions(), now=now)

    assert ["", "Not sent: the email address must not be written to (unsubscribed)."] == [
        copy.withheld for copy in way.happenings[1].copies
    ]
