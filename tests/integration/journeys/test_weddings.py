from __future__ import annotations

from datetime import date, time

import pytest

from journeys import signals
from journeys.errors import Conflict, Invalid
from journeys.models import AuditRecord, WeddingAnchor
from journeys.services.weddings import (
    StakeholderData,
    anchor_set,
    stakeholder_remove,
    stakeholder_set,
    wedding_cancel,
    wedding_change,
    wedding_move,
)

ACTOR = "user:1"


def test_a_wedding_moves_with_time_and_zone(wedding, now, told):
    wedding_move(
        wedding=wedding,
        date=date(2027, 9, 4),
        time=time(16, 0),
        time_zone="Pacific/Honolulu",
        now=now,
        actor=ACTOR,
    )

    wedding.refresh_from_db()
    assert (wedding.date, wedding.time, wedding.time_zone) == (
        date(2027, 9, 4),
        time(16, 0),
        "Pacific/Honolulu",
    )
    [(name, arguments)] = told
    before = arguments.pop("before")
    assert (name, arguments) == (
        "wedding_moved",
        {"wedding": wedding, "correction": False, "now": now, "actor": ACTOR},
    )
    assert (before.date, before.time, before.time_zone) == (date(2027, 6, 12), time(15, 30), "Europe/Lisbon")
    detail = AuditRecord.objects.get(action="wedding.moved").detail
    assert detail["was"] == {"date": "2027-06-12", "time": "15:30:00", "time_zone": "Europe/Lisbon"}
    assert detail["is"] == {"date": "2027-09-04", "time": "16:00:00", "time_zone": "Pacific/Honolulu"}


def test_time_and_zone_stay_when_only_the_date_moves(wedding, now):
    wedding_move(wedding=wedding, date=date(2027, 9, 4), now=now, actor=ACTOR)

    assert (wedding.time, wedding.time_zone) == (time(15, 30), "Europe/Lisbon")


def test_a_wedding_without_a_new_date_is_postponed_and_planned_again_with_one(wedding, now, told):
    wedding_move(wedding=wedding, date=None, now=now, actor=ACTOR)
    assert (wedding.status, wedding.date) == ("postponed", None)

    wedding_move(wedding=wedding, date=date(2028, 5, 6), now=now, actor=ACTOR)
    assert (wedding.status, wedding.date) == ("planned", date(2028, 5, 6))
    assert len(told) == 2


def test_moving_to_where_it_is_tells_nobody(wedding, now, told):
    wedding_move(wedding=wedding, date=wedding.date, time=wedding.time, now=now, actor=ACTOR)

    assert told == []
    assert not AuditRecord.objects.filter(action="wedding.moved").exists()


def test_a_move_is_undone_when_somebody_above_refuses(wedding, now, refusing):
    refused = refusing(signals.wedding_moved)

    with pytest.raises(refused):
        wedding_move(wedding=wedding, date=date(2027, 9, 4), now=now, actor=ACTOR)

    wedding.refresh_from_db()
    assert wedding.date == date(2027, 6, 12)
    assert not AuditRecord.objects.filter(action="wedding.moved").exists()


def test_a_cancelled_wedding_moves_no_more(wedding, now, told):
    wedding_cancel(wedding=wedding, now=now, actor=ACTOR)
    wedding_cancel(wedding=wedding, now=now, actor=ACTOR)

    with pytest.raises(Conflict) as refusal:
        wedding_move(wedding=wedding, date=date(2028, 1, 1), now=now, actor=ACTOR)

    assert refusal.value.code == "wedding_cancelled"
    assert len(told) == 1


def test_a_zone_that_does_not_exist_moves_nothing(wedding, now):
    with pytest.raises(Invalid) as refusal:
        wedding_move(
            wedding=wedding, date=date(2028, 1, 1), time_zone="Europe/Atlantis", now=now, actor=ACTOR
        )

    assert refusal.value.code == "bad_time_zone"


def test_another_date_is_set_moved_and_taken_away(wedding, now, told):
    shoot = {"wedding": wedding, "name": "engagement_shoot", "now": now, "actor": ACTOR}

    anchor_set(**shoot, date=date(2027, 1, 9))
    anchor_set(**shoot, date=date(2027, 1, 9))
    anchor_set(**shoot, date=date(2027, 1, 16), time=time(17, 0))
    anchor = WeddingAnchor.objects.get(wedding=wedding, name="engagement_shoot")
    assert (anchor.date, anchor.time) == (date(2027, 1, 16), time(17, 0))

    anchor_set(**shoot, date=None)
    anchor_set(**shoot, date=None)
    assert not WeddingAnchor.objects.filter(name="engagement_shoot").exists()
    assert [name for name, _ in told] == ["wedding_moved"] * 3


def test_the_day_itself_is_no_other_date(wedding, now):
    with pytest.raises(Invalid) as refusal:
        anchor_set(wedding=wedding, name="wedding", date=date(2028, 1, 1), now=now, actor=ACTOR)

    assert refusal.value.code == "bad_anchor"


def test_the_first_partners_contact_is_the_clients(wedding, client, now):
    person = StakeholderData(
        role="partner_1", first_name="Leonor", email="Leonor@example.com", sms_allowed=False
    )

    stakeholder_set(wedding=wedding, person=person, now=now, actor=ACTOR)

    client.refresh_from_db()
    assert (client.first_name, client.last_name, client.email) == ("Leonor", "", "leonor@example.com")
    assert wedding.stakeholders.get(role="partner_1").sms_allowed is False


def test_a_role_goes_to_another_person_and_to_nobody(wedding, now):
    person = StakeholderData(role="planner", first_name="Jun", email="jun@example.com")

    stakeholder_set(wedding=wedding, person=person, now=now, actor=ACTOR)
    assert wedding.stakeholders.get(role="planner").first_name == "Jun"

    stakeholder_remove(wedding=wedding, role="planner", now=now, actor=ACTOR)
    stakeholder_remove(wedding=wedding, role="planner", now=now, actor=ACTOR)
    assert not wedding.stakeholders.filter(role="planner").exists()
    assert AuditRecord.objects.filter(action="stakeholder.removed").count() == 1


def test_the_rest_of_a_wedding_changes_without_moving_it(wedding, now, told):
    wedding_change(wedding=wedding, venue="Casa do Lago", guest_count=95, now=now, actor=ACTOR)

    wedding.refresh_from_db()
    assert (wedding.venue, wedding.city, wedding.guest_count) == ("Casa do Lago", "Sintra", 95)
    assert told == []
    assert AuditRecord.objects.get(action="wedding.changed").detail == {"fields": ["venue", "guest_count"]}
