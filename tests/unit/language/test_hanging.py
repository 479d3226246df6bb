"""What a step hangs on, and which side of it is the right one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from journeys.language.hanging import hanging_of, held_by_date, side
from journeys.language.settings import AnchorTiming, LateRule
from journeys.language.timing import AnchorMoment, Calendar
from journeys.validation import graph_of
from tests.builders import a_journey

LISBON = "Europe/Lisbon"
#: A Saturday.
WEDDING = date(2027, 6, 12)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def calendar(time_of_day: time | None = time(15, 30)) -> Calendar:
    return Calendar({"wedding": AnchorMoment(WEDDING, time_of_day, LISBON)}, LISBON, LISBON)


@pytest.mark.parametrize(
    ("offset", "late", "opens", "expected"),
    [
        ("-1d", None, at(2027, 6, 11, 20), "wait"),
        ("-1d", None, at(2027, 6, 12, 14, 29), "wait"),
        ("-1d", None, at(2027, 6, 12, 14, 30), "skip"),
        ("-1d", LateRule(rule="skip"), at(2027, 6, 14, 8), "skip"),
        ("-1d", LateRule(rule="within", hours=400), at(2027, 6, 14, 8), "skip"),
        ("-1d", LateRule(rule="ask"), at(2027, 6, 14, 8), "ask"),
        ("-1d", LateRule(rule="send"), at(2027, 6, 14, 8), "wait"),
        ("0d", None, at(2027, 6, 12, 22, 59), "wait"),
        ("0d", None, at(2027, 6, 12, 23), "skip"),
        ("0d", LateRule(rule="ask"), at(2027, 6, 14, 8), "ask"),
        ("1d", None, at(2027, 6, 20, 8), "wait"),
    ],
)
def test_nothing_waits_past_the_date_it_is_meant_for(offset, late, opens, expected) -> None:
    known = calendar()
    hold = held_by_date(AnchorTiming(offset=offset, at="09:00"), calendar=known)

    assert expected == side(late, hold, opens=opens, calendar=known)


def test_a_step_that_hangs_on_nothing_may_wait() -> None:
    assert "wait" == side(None, None, opens=at(2027, 6, 14, 8), calendar=calendar())
    assert None is held_by_date(AnchorTiming(anchor="gallery"), calendar=calendar())


def test_a_date_that_is_gone_lets_nothing_wait() -> None:
    hold = held_by_date(AnchorTiming(offset="-1d"), calendar=calendar())

    assert "skip" == side(None, hold, opens=at(2027, 6, 11), calendar=Calendar({}, LISBON, LISBON))


EVE = AnchorTiming(offset="-1d", at="09:00")


def hangs_on(builder, node_id: str) -> AnchorTiming | None:
    found = hanging_of(graph_of(builder.definition()), node_id)
    return found.timing if found else None


def test_a_step_hangs_on_its_own_date() -> None:
    builder = a_journey().email("eve", when={"kind": "anchor", "offset": "-1d", "at": "09:00"})

    assert EVE == hangs_on(builder, "eve")


def test_a_step_without_a_date_hangs_on_the_wait_in_front_of_it() -> None:
    builder = a_journey().wait_for_date("w", "-1d").condition("c", "client.status == 'booked'").email("eve")

    assert EVE == hangs_on(builder, "eve")


def test_another_wait_in_between_cuts_it_loose() -> None:
    assert None is hangs_on(a_journey().wait_for_date("w", "-9d").wait(for_="3d").email("later"), "later")
    assert None is hangs_on(a_journey().email("first"), "first")


def test_ways_that_disagree_hang_on_nothing() -> None:
    builder = (
        a_journey()
        .condition("c", "client.status == 'booked'", no="mail")
        .wait_for_date("w", "-1d")
        .email("mail")
    )

    assert None is hangs_on(builder, "mail")


def test_the_late_rule_of_the_wait_holds_where_the_step_has_none() -> None:
    wait = {"when": {"kind": "anchor", "offset": "-1d", "at": "09:00"}, "late": {"rule": "send"}}
    builder = a_journey().step("w", "wait", **wait).email("one").email("two", late={"rule": "ask"})
    graph = graph_of(builder.definition())

    assert "send" == hanging_of(graph, "one").late.rule
    assert "ask" == hanging_of(graph, "two").late.rule
