"""The time line: what is sure, what is not, and where the day stands."""

from __future__ import annotations

from datetime import timedelta

from engine.models import Instance
from engine.services.instances import instance_start
from journeys.selectors import main_wedding
from monitoring.rendering.couple import line, sentence
from monitoring.selectors.couples import couple_line
from tests.builders import ACTOR, END, a_journey, a_net, pause, split_all
from tests.drive import run_until_idle


def drawn(couple, now):
    wedding = main_wedding(couple)
    entries = couple_line(client=couple, instances=Instance.objects.filter(client=couple), now=now)
    return line(entries, wedding=wedding, zone=wedding.time_zone, now=now, pages={}), wedding


def test_time_line_stands_around_the_wedding_day(vendor, couple, now):
    journey = (
        a_journey()
        .email("welcome")
        .wait_for_date("month_before", "-30d")
        .email("plan")
        .wait_for_date("week_after", "7d")
        .email("review")
        .publish(vendor, now=now)
    )
    instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    run_until_idle(now)
    found, wedding = drawn(couple, now)
    assert ["start", "welcome"] == [step.title for step in found.past.steps]
    assert ["month_before", "plan"] == [step.title for step in found.planned.steps]
    assert ["week_after", "review"] == [step.title for step in found.afterwards.steps]
    assert ["30 days before", "7 days after"] == [
        found.planned.steps[0].distance,
        found.afterwards.steps[0].distance,
    ]
    days = (wedding.date - now.date()).days
    strong, rest = sentence(found, wedding=wedding, now=now)
    assert strong == f"{days} days to go."
    assert rest == "2 steps done, 4 more planned."


def test_step_on_one_of_two_ways_is_unsure_and_what_follows_both_is_not(vendor, couple, now):
    builder = (
        a_journey()
        .wait("first", for_="1d")
        .condition("paid", "'final' in payments.received", no="reminder")
        .email("both")
    )
    builder.nodes.append(
        {
            "id": "reminder",
            "type": "sms",
            "name": "reminder",
            "settings": {"to": ["partner_1"], "body": "Hello {{ recipient.first_name }}"},
        }
    )
    builder.edges.append({"from": "reminder", "port": "next", "to": "both"})
    journey = builder.publish(vendor, now=now)
    instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    run_until_idle(now)
    found, _ = drawn(couple, now)
    unsure = {step.title: step.conditional for step in found.planned.steps}
    assert {"first": False, "reminder": True, "both": False} == unsure


def test_couple_without_a_date_is_told_what_waits_for_it(vendor, couple, instance, now):
    from journeys.services.weddings import wedding_move

    wedding_move(wedding=couple.weddings.get(), date=None, now=now, actor=ACTOR)
    couple.refresh_from_db()
    found, wedding = drawn(couple, now + timedelta(seconds=1))
    assert found.undated.steps
    assert sentence(found, wedding=wedding, now=now)[0].startswith("There is no date yet")


def test_branches_that_are_all_taken_leave_their_steps_sure(vendor, couple, now):
    journey = a_net(
        {
            "rest": pause("1d"),
            "s": split_all("a", "b"),
            "left": pause("2d"),
            "ask": ("condition", {"if": "client.status == 'booked'"}),
            "maybe": pause("3d"),
            "end": END,
        },
        *(
            "start>rest",
            "rest>s",
            "s.a>left",
            "left>end",
            "s.b>ask",
            "ask.yes>maybe",
            "ask.no>end",
            "maybe>end",
        ),
    ).publish(vendor, now=now)
    instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    run_until_idle(now)

    entries = couple_line(client=couple, instances=Instance.objects.filter(client=couple), now=now)

    unsure = {entry.node_id for entry in entries if entry.conditional}
    assert unsure == {"maybe"}
