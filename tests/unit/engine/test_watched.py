"""What may make a condition true, and how often to look without being told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.discovery import discover
from engine.nodes.wait_for import event_names, topic_of
from engine.nodes.wait_until import AT_LEAST, watched

discover()

SOON, LATER = timedelta(minutes=10), timedelta(minutes=30)


@pytest.mark.parametrize(
    ("condition", "topics", "recheck"),
    [
        ("has_tag('vip')", {"client"}, AT_LEAST),
        ("client.status == 'booked' && wedding.venue != ''", {"client", "wedding"}, AT_LEAST),
        ("days_to(wedding.date) < 30", {"wedding"}, SOON),
        ("wedding.days_to < 30", {"wedding"}, LATER),
        ("now > timestamp('2027-01-01T00:00:00Z')", set(), SOON),
        ("paid('final')", {"event:payment_received"}, AT_LEAST),
        ("answered('timeline')", {"event:form_submitted", "form"}, AT_LEAST),
        ("happened('webhook_received', 'crm')", {"event:webhook_received"}, AT_LEAST),
        ("events.client_changed.count > 1", {"client"}, AT_LEAST),
        ("events.wedding_moved.count > 1", {"wedding"}, AT_LEAST),
        ("opened('welcome')", {"message"}, AT_LEAST),
        ("message_status('welcome') == 'accepted'", {"message"}, LATER),
        ("task_done('call')", {"task"}, AT_LEAST),
        ("journey_result('album') == 'completed'", {"journey"}, AT_LEAST),
        ("variables.tries > 2", {"variables"}, AT_LEAST),
        ("output('quote', 'amount') > 1", set(), SOON),
        ("1 == 1", set(), AT_LEAST),
    ],
)
def test_a_condition_is_looked_at_when_what_it_reads_may_have_changed(
    condition: str, topics: set[str], recheck: timedelta
) -> None:
    assert (tuple(sorted(topics)), recheck) == watched(condition)


def test_a_condition_on_all_events_is_woken_by_each() -> None:
    topics, _ = watched("size(events) > 3")

    assert {"event:form_submitted", "event:payment_received"} <= set(topics)


def test_every_event_that_can_be_waited_for_has_a_topic() -> None:
    assert {topic_of(name) for name in event_names()} >= {
        "message",
        "client",
        "wedding",
        "event:client_added",
    }
