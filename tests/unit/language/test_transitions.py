"""Where a couple goes next."""

from __future__ import annotations

from datetime import timedelta

import pytest

from journeys.language.errors import ErrorClass, UnknownPort, VisitLimitReached
from journeys.language.graph import Graph, read_graph
from journeys.language.outcomes import Advance, Fail, Finish
from journeys.language.transitions import MAX_VISITS, Place, arrive, plan, skip
from tests.unit.language.world import NOW, a_calendar, a_journey, a_letter, node_types, trigger_types

CALENDAR = a_calendar()
USER = Fail(ErrorClass.USER, "missing_phone", "There is no phone number.")


def graph(*nodes, edges=()) -> Graph:
    definition = a_journey(*nodes, edges=edges)
    return read_graph(definition, node_types=node_types, trigger_types=trigger_types)


CHOICE = {"id": "choice", "type": "choice", "settings": {"expression": "client.status == 'booked'"}}
WAIT = {"id": "wait", "type": "wait", "settings": {"when": {"kind": "duration", "for": "2d"}}}
LOOP = graph(
    WAIT,
    CHOICE,
    edges=[
        ("start", "next", "wait"),
        ("wait", "next", "choice"),
        ("choice", "yes", "wait"),
        ("choice", "no", "done"),
    ],
)


def test_advance_leads_to_the_step_behind_the_port_when_it_is_due():
    result = plan(
        LOOP, Place("start", "main", 1), Advance(output={"a": 1}, reason="ok"), calendar=CALENDAR, now=NOW
    )

    (next_,) = result.successors
    assert ("succeeded", "next", False, "ok", {"a": 1}) == (
        result.status,
        result.port,
        result.finished,
        result.reason,
        result.output,
    )
    assert ("wait", "main", 1) == (next_.node_id, next_.branch, next_.visit)
    assert NOW + timedelta(days=2) == next_.due.instant
    assert not result.stays


def test_finish_ends_the_passage():
    result = plan(LOOP, Place("done", "main", 1), Finish("over", "won"), calendar=CALENDAR, now=NOW)

    assert (True, (), {"result": "won"}) == (result.finished, result.successors, result.output)
    assert not result.stays


def test_going_back_counts_a_visit_and_going_on_does_not():
    back = plan(LOOP, Place("choice", "main", 3), Advance("yes"), calendar=CALENDAR, now=NOW)
    on = plan(LOOP, Place("choice", "main", 3), Advance("no"), calendar=CALENDAR, now=NOW)

    assert [4, 3] == [back.successors[0].visit, on.successors[0].visit]


def test_going_back_for_ever_is_stopped():
    with pytest.raises(VisitLimitReached, match="Give the loop a way out"):
        plan(LOOP, Place("choice", "main", MAX_VISITS), Advance("yes"), calendar=CALENDAR, now=NOW)


def test_port_that_leads_nowhere_is_an_error():
    with pytest.raises(UnknownPort, match="'maybe'"):
        plan(LOOP, Place("choice", "main", 1), Advance("maybe"), calendar=CALENDAR, now=NOW)


def test_user_error_stays_for_a_person_by_default():
    result = plan(graph(a_letter()), Place("welcome", "main", 1), USER, calendar=CALENDAR, now=NOW)

    assert ("failed", "", (), False) == (result.status, result.port, result.successors, result.finished)
    assert result.stays
    assert {"error": {"class": "user", "code": "missing_phone"}} == result.output


def test_user_error_is_skipped_where_the_step_says_so():
    result = plan(
        graph(a_letter(on_error="skip")), Place("welcome", "main", 1), USER, calendar=CALENDAR, now=NOW
    )

    assert ("skipped", "next", "done") == (result.status, result.port, result.successors[0].node_id)
    assert "There is no phone number." == result.reason


def test_user_error_leaves_by_the_error_port_where_an_edge_leads_on():
    with_error = graph(
        a_letter(on_error="skip"),
        {"id": "note", "type": "note", "settings": {}},
        edges=[
            ("start", "next", "welcome"),
            ("welcome", "next", "done"),
            ("welcome", "error", "note"),
            ("note", "next", "done"),
        ],
    )

    result = plan(with_error, Place("welcome", "main", 1), USER, calendar=CALENDAR, now=NOW)

    assert ("failed", "error", "note") == (result.status, result.port, result.successors[0].node_id)


@pytest.mark.parametrize("error_class", [ErrorClass.TRANSIENT, ErrorClass.PERMANENT])
def test_other_errors_stay_whatever_the_step_says(error_class):
    fail = Fail(error_class, "http_503", "The provider is away.")

    result = plan(
        graph(a_letter(on_error="skip")), Place("welcome", "main", 1), fail, calendar=CALENDAR, now=NOW
    )

    assert ("failed", True) == (result.status, result.stays)


@pytest.mark.parametrize(("node", "port", "target"), [("wait", "next", "choice"), ("choice", "no", "done")])
def test_skip_leaves_by_next_or_by_the_last_port(node, port, target):
    result = skip(LOOP, Place(node, "main", 1), "Too late.", calendar=CALENDAR, now=NOW)

    assert ("skipped", port, target) == (result.status, result.port, result.successors[0].node_id)


def test_skip_of_the_end_ends_the_passage():
    assert skip(LOOP, Place("done", "main", 1), "Too late.", calendar=CALENDAR, now=NOW).finished


def test_arrive_parks_a_step_whose_date_is_missing():
    gallery = graph(a_letter(when={"kind": "anchor", "anchor": "gallery", "offset": "1d"}))

    place = arrive(gallery, "welcome", branch="main", visit=2, calendar=CALENDAR, now=NOW)

    assert ("welcome", "main", 2) == (place.node_id, place.branch, place.visit)
    assert place.due.instant is None
    assert "Waits until the date of the gallery is known." == place.due.missing


def test_arrive_is_at_once_without_timing():
    place = arrive(LOOP, "done", branch="main", visit=1, calendar=CALENDAR, now=NOW)

    assert (NOW, None, None) == (place.due.instant, place.due.meant, place.due.missing)
