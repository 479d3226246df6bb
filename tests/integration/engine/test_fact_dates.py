"""Steps that hang on a date in the couple's own data."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from channels.models import Message
from engine.models import Schedule
from engine.services.instances import instance_start
from engine.services.triggering import event_receive
from journeys.language.errors import DefinitionInvalid
from journeys.services.clients import client_change
from tests.builders import ACTOR, a_journey
from tests.drive import run_until_idle


def start(vendor, couple, builder, now, **variables):
    journey = builder.publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables=variables, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return instance


def on(path: str, offset: str = "-2d") -> dict[str, str]:
    return {"kind": "fact", "path": path, "offset": offset, "at": "09:00"}


def place(instance) -> Schedule:
    return Schedule.objects.get(instance=instance)


def test_step_waits_for_a_date_that_the_journey_was_started_with(vendor, couple, now):
    builder = a_journey().variable("shoot_date", kind="date").email("shoot", when=on("variables.shoot_date"))

    instance = start(vendor, couple, builder, now, shoot_date="2027-06-01")

    assert datetime(2027, 5, 30, 8, tzinfo=UTC) == place(instance).due_at
    assert "2027-06-01" == place(instance).meant["value"]
    run_until_idle(place(instance).due_at)
    assert "shoot" == Message.objects.get().node_id


@pytest.mark.parametrize("value", [None, "", "next May", "1.6.2027", 20270601, ["2027-06-01"], "0001-01-01"])
def test_date_that_is_missing_or_none_never_sends(vendor, couple, now, value):
    builder = a_journey().email("move", when=on("client.fields.move_in"))
    client_change(client=couple, fields={"move_in": value}, now=now, actor=ACTOR)

    instance = start(vendor, couple, builder, now)

    token = place(instance)
    assert ("parked", None) == (token.state, token.due_at)
    assert "client.fields.move_in" in token.reason
    run_until_idle(now)
    assert not Message.objects.exists()


def test_field_that_is_filled_in_moved_and_emptied_takes_the_step_along(vendor, couple, now):
    instance = start(vendor, couple, a_journey().email("move", when=on("client.fields.move_in")), now)
    assert "Waits until the date in client.fields.move_in is known." == place(instance).reason
    due = {}
    for value in ("2027-06-01", "2027-07-01", None, "2027-08-01"):
        client_change(client=couple, fields={"move_in": value}, now=now, actor=ACTOR)
        run_until_idle(now)
        due[value] = place(instance).due_at

    assert {
        "2027-06-01": datetime(2027, 5, 30, 8, tzinfo=UTC),
        "2027-07-01": datetime(2027, 6, 29, 8, tzinfo=UTC),
        None: None,
        "2027-08-01": datetime(2027, 7, 30, 8, tzinfo=UTC),
    } == due


def test_answer_to_a_form_sets_the_date(vendor, couple, now):
    instance = start(
        vendor, couple, a_journey().email("prepare", when=on("forms.answers.plan.rehearsal")), now
    )
    assert "parked" == place(instance).state

    event_receive(
        vendor=vendor,
        type="form_submitted",
        event_id="answer-1",
        client=couple,
        topic="plan",
        payload={"answers": {"rehearsal": "2027-06-11"}},
        now=now,
        actor=ACTOR,
    )
    run_until_idle(now)

    assert datetime(2027, 6, 9, 8, tzinfo=UTC) == place(instance).due_at


def test_field_that_the_step_before_sets_counts(vendor, couple, now):
    deed = {"kind": "set_field", "name": "album_due", "value": "2027-06-01"}
    builder = a_journey().action("note", deed).email("album", when=on("client.fields.album_due"))

    instance = start(vendor, couple, builder, now)

    assert datetime(2027, 5, 30, 8, tzinfo=UTC) == place(instance).due_at


def test_date_of_the_past_follows_the_late_rule(vendor, couple, now):
    builder = a_journey().email("move", when=on("client.fields.move_in")).email("after")
    client_change(client=couple, fields={"move_in": "2027-04-10"}, now=now, actor=ACTOR)

    start(vendor, couple, builder, now)

    assert ["after"] == list(Message.objects.values_list("node_id", flat=True))


def test_path_that_leads_nowhere_is_found_at_publishing(vendor, now):
    with pytest.raises(DefinitionInvalid, match=r"variables\.shoot_date does not exist"):
        a_journey().email("shoot", when=on("variables.shoot_date")).publish(vendor, now=now)
    with pytest.raises(DefinitionInvalid, match="is no date"):
        a_journey().email("shoot", when=on("wedding.guest_count")).publish(vendor, now=now)
