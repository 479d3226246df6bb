"""What is seen beforehand, and what is said afterwards."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from channels.services.suppression import suppress
from engine.models import Instance
from engine.services import simulating
from engine.services.approvals import approval_approve, pending_approvals
from engine.services.explaining import explain_instance
from engine.simulation.given import Assumptions, InventedCouple
from journeys.models import Client, Journey
from tests import drive
from tests.builders import a_couple, a_journey, a_vendor
from tests.drive import run_until_idle

pytestmark = pytest.mark.django_db


def looked(journey: Journey, now: datetime, **more):
    subject = simulating.subject_of(journey=journey)
    (outlook,) = simulating.simulate(
        subject=subject,
        assumptions=Assumptions.model_validate(more),
        invented=[InventedCouple.model_validate({"wedding": {"date": "2028-06-12"}})],
        now=now,
    )
    return outlook


def started(journey: Journey, couple: Client, now: datetime) -> Instance:
    instance = drive.enter(journey, couple, now=now)
    run_until_idle(now)
    return instance


def said(instance: Instance, step: str, now: datetime) -> dict:
    steps = explain_instance(instance=instance, step=step, now=now)["steps"]
    assert 1 == len(steps), [(one["step"], one["state"], one["visit"], one["because"]) for one in steps]
    (entry,) = steps
    return entry


def waiting(vendor, now: datetime) -> Journey:
    timeout = {"kind": "duration", "for": "7d"}
    builder = a_journey().step("answer", "task", title="Call them", wait=True, timeout=timeout)
    definition = builder.email("thanks").definition()
    definition["edges"].append({"from": "answer", "port": "timeout", "to": "end"})
    builder.edges, builder.nodes = definition["edges"], definition["nodes"]
    return builder.publish(vendor, now=now)


def test_every_way_holds_answers_and_time_outs(now: datetime) -> None:
    outlook = looked(waiting(a_vendor(now=now), now), now, ways="every")

    ports = [way.choices[0].port for way in outlook.ways]
    assert ["timeout", "next"] == ports
    assert [0, 1] == [sum(one.sends for one in way.happenings) for way in outlook.ways]
    assert not outlook.cut_short


def test_an_answer_comes_when_it_is_taken_to(now: datetime) -> None:
    journey = waiting(a_vendor(now=now), now)

    (way,) = looked(journey, now, answers={"answer": {"after": "2d"}}).ways

    thanks = next(one for one in way.happenings if one.sends)
    assert now + timedelta(days=2) == thanks.at
    assert "completed" == way.result


def test_ways_without_end_are_cut_short_and_told(now: datetime) -> None:
    builder = a_journey()
    for number in range(8):
        builder.condition(f"if_{number}", "payments.total > 0.0", no=f"act_{number}")
        builder.action(f"act_{number}", {"kind": "add_tag", "tag": "x"})
    journey = builder.publish(a_vendor(now=now), now=now)

    outlook = looked(journey, now, ways="every", most_ways=20)

    assert 20 == len(outlook.ways)
    assert outlook.cut_short
    assert 20 == len({tuple(one.port for one in way.choices) for way in outlook.ways})


def test_a_sub_journey_is_followed_too(now: datetime) -> None:
    vendor = a_vendor(now=now)
    other = a_journey().wait(for_="3d").email("inside").publish(vendor, now=now, name="The other")
    builder = a_journey().step("start_it", "journey", journey=other.public_id, wait=True).email("after")
    journey = builder.publish(vendor, now=now)

    (way,) = looked(journey, now).ways

    assert [("The other", "inside"), ("A journey", "after")] == [
        (one.journey, one.node_id) for one in way.happenings if one.sends
    ]


def test_many_couples_cost_no_more_queries(now: datetime, django_assert_max_num_queries) -> None:
    vendor = a_vendor(now=now)
    journey = a_journey().email("hello").wait(for_="1d").email("more").publish(vendor, now=now)
    clients = [a_couple(vendor, now=now) for _ in range(12)]
    for client in clients[:6]:
        started(journey, client, now)
    subject = simulating.subject_of(journey=journey)

    with django_assert_max_num_queries(40):
        outlooks = simulating.simulate(
            subject=subject, assumptions=Assumptions(texts=False), clients=clients, now=now
        )

    assert 12 == len(outlooks)
    assert {"completed"} == {one.ways[0].result for one in outlooks}


def test_the_command_tells_it_in_lines_or_as_json(now: datetime) -> None:
    vendor = a_vendor(now=now)
    journey = a_journey().email("hello").publish(vendor, now=now)
    couple = a_couple(vendor, now=now)
    out = StringIO()

    call_command("simulate", journey=journey.public_id, client=[couple.public_id], texts=True, stdout=out)
    assert "email to partner_1: About hello" in out.getvalue()
    out = StringIO()
    call_command("simulate", journey=journey.public_id, invent=["wedding=2028-06-12"], json=True, stdout=out)
    assert "2028" not in json.loads(out.getvalue())[0]["ways"][0]["ends"]["result"]
    for wrong in ({"invent": ["size=3"]}, {"client": ["cli_nobody"]}, {}):
        with pytest.raises(CommandError):
            call_command("simulate", journey=journey.public_id, stdout=out, **wrong)


def test_what_was_withheld_says_which_rule_did_it(now: datetime) -> None:
    vendor = a_vendor(now=now)
    couple = a_couple(vendor, now=now)
    address = couple.weddings.get().stakeholders.get(role="partner_1").email
    suppress(vendor_id=vendor.id, channel="email", address=address, reason="complained", now=now)
    instance = started(a_journey().email("hello").publish(vendor, now=now), couple, now)

    entry = said(instance, "hello", now)

    assert "withheld" == entry["state"]
    assert any("must not be written to (complained)" in one for one in entry["because"])


def test_what_was_skipped_names_its_late_rule(now: datetime) -> None:
    vendor = a_vendor(now=now)
    builder = a_journey().email("old", when={"kind": "anchor", "offset": "-1mo"}, late={"rule": "skip"})
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=9))
    instance = started(builder.publish(vendor, now=now), couple, now)

    entry = said(instance, "old", now)

    assert "skipped" == entry["state"]
    assert "Skipped: its time was" in entry["because"][0]
    assert {"rule": "skip", "hours": None} == entry["rule"]["late"]
    assert "-1mo" == entry["moment"]["offset"]


def test_who_approved_it_is_said(now: datetime) -> None:
    vendor = a_vendor(now=now)
    builder = a_journey().email("hello", approval={"mode": "always"})
    instance = started(builder.publish(vendor, now=now), a_couple(vendor, now=now), now)
    before = said(instance, "hello", now)
    approval_approve(approval=pending_approvals(vendor).get(), now=now, actor="user:7")
    run_until_idle(now)

    after = said(instance, "hello", now)

    assert any("Waits for your yes" in one for one in before["because"])
    assert ("sent", "user:7") == (after["state"], after["approvals"][0]["decided_by"])


def test_what_hangs_on_a_date_says_which_and_what_comes_out(now: datetime) -> None:
    vendor = a_vendor(now=now)
    builder = a_journey().wait_for_date("month", "-30d").email("more")
    instance = started(builder.publish(vendor, now=now), a_couple(vendor, now=now), now)

    entry = said(instance, "month", now)

    assert "waiting" == entry["state"]
    assert ("wedding", "-30d", "Europe/Lisbon") == tuple(
        entry["moment"][name] for name in ("anchor", "offset", "zone_name")
    )
    assert entry["moment"]["instant"] == entry["due_at"]
    assert any("30 days before" in one for one in entry["because"])
