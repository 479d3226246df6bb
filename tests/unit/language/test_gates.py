"""When a message has to wait, and until when."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from journeys.language.business import BusinessCalendar
from journeys.language.contact_rules import ContactRules, QuietHours
from journeys.language.errors import CalendarError
from journeys.language.gates import (
    NeverOpens,
    Person,
    Send,
    Sent,
    Situation,
    gate_for,
)
from journeys.language.sending_hours import SendingHours

LISBON = "Europe/Lisbon"
NEW_YORK = "America/New_York"
OFFICE = SendingHours.from_setting({"every": ["09:00", "18:00"], "sat": [], "sun": []})
ALWAYS = SendingHours.always()
#: A Saturday.
WEDDING = date(2027, 6, 12)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def to(*keys: str, **fields) -> Person:
    return Person(**{"channel": "email", "keys": frozenset(keys or {"partner_1"}), "zone": LISBON, **fields})


def send(purpose="transactional", *people: Person, **fields) -> Send:
    return Send(purpose=purpose, people=people or (to(),), **fields)


def rules(**setting) -> ContactRules:
    return ContactRules.from_setting(setting)


def couple(**fields) -> Situation:
    return Situation(**{"wedding_day": WEDDING, "wedding_zone": LISBON, "vendor_zone": LISBON, **fields})


def sent(*when: int, purpose="marketing", keys=("partner_1",), is_couple=True) -> Sent:
    return Sent(at=at(*when), purpose=purpose, people=frozenset(keys), couple=is_couple)


def opening(what: Send, now: datetime, *, hours=ALWAYS, by=None, situation=None):
    gate = gate_for(what, now=now, hours=hours, rules=by or rules(), situation=situation or couple())
    return (None, "") if gate is None else (gate.opens, gate.reason)


def test_nothing_holds_where_there_are_no_rules() -> None:
    assert (None, "") == opening(send(), at(2027, 4, 14, 9))


@pytest.mark.parametrize(
    ("now", "expected", "reason"),
    [
        (at(2027, 4, 14, 8), None, ""),
        (
            at(2027, 4, 14, 7),
            at(2027, 4, 14, 8),
            "Put off until 09:00 today: 08:00 is outside your sending hours.",
        ),
        (
            at(2027, 4, 18, 8),
            at(2027, 4, 19, 8),
            "Put off until Monday 09:00: Sunday is outside your sending hours.",
        ),
        # The clocks go forward in the night to Sunday 28 March: Monday 09:00 is 08:00 in UTC, not 09:00.
        (
            at(2027, 3, 26, 20),
            at(2027, 3, 29, 8),
            "Put off until Monday 09:00: 20:00 is outside your sending hours.",
        ),
    ],
)
def test_sending_hours_hold_until_they_open(now, expected, reason) -> None:
    assert (expected, reason) == opening(send(), now, hours=OFFICE)


def test_the_wedding_day_of_another_couple_holds_until_midnight_where_the_vendor_is() -> None:
    situation = couple(
        vendor_zone=NEW_YORK,
        is_shooting=lambda day: day in {date(2027, 5, 1), date(2027, 5, 2)},
    )

    found = opening(
        send(), at(2027, 5, 1, 12), by=rules(blackout={"own_weddings": True}), situation=situation
    )

    expected = "Put off until Monday 05:00: Saturday 1 May is one of your wedding days."
    assert (at(2027, 5, 3, 4), expected) == found


def test_free_days_and_holidays_are_named() -> None:
    by = rules(
        blackout={"holidays": True, "days": [{"from": "2027-04-24", "until": "2027-04-26", "name": "Porto"}]}
    )
    situation = couple(holiday_name=BusinessCalendar("PT").holiday_name)

    free = opening(send(), at(2027, 4, 25, 10), by=by, situation=situation)
    # 25 April is Portugal's day of liberty, but it is in the free days already; 1 May is a Saturday.
    holiday = opening(send(), at(2027, 5, 1, 10), by=by, situation=situation)

    assert (
        at(2027, 4, 26, 23),
        "Put off until Tuesday 00:00: Sunday 25 April is a day you keep free (Porto).",
    ) == free
    assert at(2027, 5, 1, 23) == holiday[0]
    assert "Saturday 1 May is a holiday (" in holiday[1]


def test_two_gates_at_once_are_both_named_and_both_hold() -> None:
    by = rules(spacing={"hours": 60})
    situation = couple(history=[sent(2027, 4, 16, 17)])

    # Friday 18:30 is after hours; the pause ends on Monday at 06:00, before the hours begin.
    found = opening(send(), at(2027, 4, 16, 17, 30), hours=OFFICE, by=by, situation=situation)

    expected = (
        "Put off until Monday 09:00: 18:30 is outside your sending hours; "
        "a message went out at 18:00, and 60 h lie between two."
    )
    assert (at(2027, 4, 19, 8), expected) == found


@pytest.mark.parametrize(
    ("purpose", "rule", "on_the_day", "meant", "held"),
    [
        ("transactional", "marketing", None, False, False),
        ("marketing", "marketing", None, False, True),
        ("marketing", "marketing", True, False, False),
        ("marketing", "marketing", None, True, False),
        ("transactional", "all", None, False, True),
        ("transactional", "all", None, True, False),
        ("transactional", "all", True, False, False),
        ("transactional", "marketing", False, True, True),
        ("marketing", "off", None, False, False),
        ("marketing", "off", False, False, True),
    ],
)
def test_the_couples_own_day_is_theirs(purpose, rule, on_the_day, meant, held) -> None:
    what = send(purpose, on_the_day=on_the_day, meant_for_the_day=meant)

    opens, reason = opening(what, at(2027, 6, 12, 10), by=rules(wedding_day=rule))

    assert (at(2027, 6, 12, 23) if held else None) == opens
    assert held == ("it is their wedding day" in reason)


def test_the_planner_may_be_written_to_on_the_day() -> None:
    planner = send("marketing", to("planner", couple=False))

    assert (None, "") == opening(planner, at(2027, 6, 12, 10))


def test_a_step_for_the_day_goes_out_on_a_saturday_without_sending_hours() -> None:
    what = send(on_the_day=True)

    # On Friday evening it waits for the day and not for Monday; quiet hours are email's alone to have.
    assert at(2027, 6, 11, 23) == opening(what, at(2027, 6, 11, 18), hours=OFFICE)[0]
    assert (None, "") == opening(what, at(2027, 6, 12, 6), hours=OFFICE)


@pytest.mark.parametrize(
    ("person", "now", "expected"),
    [
        (to(channel="sms"), at(2027, 4, 14, 20, 30), at(2027, 4, 15, 7)),
        (to(channel="sms"), at(2027, 4, 14, 19, 59), None),
        (to(channel="email"), at(2027, 4, 14, 22), None),
        (to(channel="sms", quiet=False), at(2027, 4, 14, 22), None),
        (to(quiet=QuietHours.read(["13:00", "15:00"])), at(2027, 4, 14, 13), at(2027, 4, 14, 14)),
        # Where this person lives it is half past four in the morning.
        (to(channel="sms", zone=NEW_YORK), at(2027, 4, 14, 8, 30), at(2027, 4, 14, 12)),
        # The hour before 8 is shorter on the day the clocks go forward, and longer when they go back.
        (to(channel="sms", zone=NEW_YORK), at(2027, 3, 14, 3), at(2027, 3, 14, 12)),
        (to(channel="sms", zone=NEW_YORK), at(2027, 11, 7, 3), at(2027, 11, 7, 13)),
    ],
)
def test_quiet_hours_are_the_recipients_own(person, now, expected) -> None:
    assert expected == opening(send("transactional", person), now)[0]


def test_even_a_step_for_the_day_lets_people_sleep() -> None:
    what = send("transactional", to(channel="sms"), on_the_day=True)

    assert at(2027, 6, 12, 7) == opening(what, at(2027, 6, 12, 3))[0]


HISTORY = [sent(2027, 4, 10, 9), sent(2027, 4, 12, 9), sent(2027, 4, 13, 9, purpose="transactional")]


def test_the_cap_counts_what_came_from_all_journeys_and_rolls_on() -> None:
    by = rules(cap={"marketing": {"count": 2, "days": 7}})

    opens, reason = opening(send("marketing"), at(2027, 4, 14, 9), by=by, situation=couple(history=HISTORY))

    assert at(2027, 4, 17, 9) == opens
    assert "they have had 2 marketing messages within 7 days" in reason
    assert (None, "") == opening(send("marketing"), opens, by=by, situation=couple(history=HISTORY))
    assert (None, "") == opening(send(), at(2027, 4, 14, 9), by=by, situation=couple(history=HISTORY))


def test_a_cap_that_was_lowered_waits_until_enough_are_old() -> None:
    by = rules(cap={"marketing": {"count": 1, "days": 7}})

    found = opening(send("marketing"), at(2027, 4, 14, 9), by=by, situation=couple(history=HISTORY))

    assert at(2027, 4, 19, 9) == found[0]


def test_spacing_is_kept_for_the_same_person_only() -> None:
    by = rules(spacing={"hours": 24})
    situation = couple(history=[sent(2027, 4, 14, 9, keys=("partner_1", "index-of-ana"))])
    now = at(2027, 4, 14, 12)

    assert (
        at(2027, 4, 15, 9)
        == opening(send("transactional", to("partner_1")), now, by=by, situation=situation)[0]
    )
    assert (
        at(2027, 4, 15, 9)
        == opening(
            send("transactional", to("planner", "index-of-ana", couple=False)),
            now,
            by=by,
            situation=situation,
        )[0]
    )
    assert (
        None
        is opening(send("transactional", to("planner", couple=False)), now, by=by, situation=situation)[0]
    )


def test_transactional_messages_can_be_exempt_from_spacing() -> None:
    by = rules(spacing={"hours": 24, "transactional": False})
    situation = couple(history=[sent(2027, 4, 14, 9)])

    assert None is opening(send(), at(2027, 4, 14, 12), by=by, situation=situation)[0]
    assert (
        at(2027, 4, 15, 9) == opening(send("marketing"), at(2027, 4, 14, 12), by=by, situation=situation)[0]
    )


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        # 48 hours before the wedding day begins, in Lisbon's summer time.
        (at(2027, 6, 9, 22, 59), at(2027, 6, 9, 23)),
        (at(2027, 6, 9, 23), None),
        (at(2027, 6, 12, 22, 59), None),
        (at(2027, 6, 12, 23), at(2027, 6, 18, 9)),
    ],
)
def test_what_is_critical_is_held_by_the_clock_alone(now, expected) -> None:
    by = rules(
        cap={"transactional": {"count": 1, "days": 7}},
        spacing={"hours": 100},
        blackout={"own_weddings": True},
    )
    history = [sent(2027, 6, 9, 9, purpose="transactional"), sent(2027, 6, 11, 9, purpose="transactional")]
    situation = couple(history=history, is_shooting=lambda day: day == date(2027, 6, 11))

    assert expected == opening(send(), now, by=by, situation=situation)[0]


def test_the_vendor_itself_is_held_by_sending_hours_only() -> None:
    by = rules(
        blackout={"own_weddings": True}, cap={"transactional": {"count": 1, "days": 7}}, spacing={"hours": 24}
    )
    situation = couple(history=[sent(2027, 4, 14, 8, purpose="transactional")], is_shooting=lambda day: True)
    what = send("transactional", to("vendor", vendor=True, couple=False, channel="sms"))

    assert None is opening(what, at(2027, 4, 14, 23), by=by, situation=situation)[0]


def test_rules_that_contradict_each_other_are_told_apart_from_long_waits() -> None:
    night = SendingHours.from_setting({"every": ["22:00", "23:00"]})

    with pytest.raises(NeverOpens, match="quiet hours are 21:00 to 08:00"):
        opening(send("transactional", to(channel="sms")), at(2027, 4, 14, 9), hours=night)
    with pytest.raises(NeverOpens, match="one of your wedding days"):
        opening(
            send(),
            at(2027, 4, 14, 9),
            by=rules(blackout={"own_weddings": True}),
            situation=couple(wedding_day=None, is_shooting=lambda day: True),
        )


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"blackuot": {}}, "blackuot: is not known"),
        ({"cap": {"marketing": {"count": 0, "days": 7}}}, "cap.marketing.count"),
        ({"spacing": {"hours": -1}}, "spacing.hours"),
        ({"quiet_hours": {"sms": ["21:00", "21:00"]}}, "begin and end at the same time"),
        ({"quiet_hours": {"sms": "night"}}, "not a start and an end"),
        ({"quiet_hours": {"sms": ["9pm", "08:00"]}}, "not a time of the day"),
        ({"blackout": {"days": [{"from": "2027-05-02", "until": "2027-05-01"}]}}, "end before they begin"),
        ({"blackout": {"days": ["tomorrow"]}}, "blackout.days.0"),
        ({"wedding_day": "never"}, "wedding_day"),
    ],
)
def test_rules_that_cannot_be_read_are_refused_with_their_place(setting, said) -> None:
    with pytest.raises(CalendarError, match=said):
        ContactRules.from_setting(setting)
