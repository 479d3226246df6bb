"""Experiments: assigned once, the same ever after, measured by the goals they lead to."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from engine.models import Instance, VariantAssignment
from engine.services.experiments import wilson
from engine.services.instances import instance_start
from journeys.models import Client, Journey, Vendor
from journeys.services.clients import tag_add
from tests import builders
from tests.builders import END, a_net, pause
from tests.drive import run_until_idle
from tests.functional.api.calling import Caller

pytestmark = pytest.mark.django_db(transaction=True)

EXPERIMENT = {
    "by": {
        "kind": "weight",
        "branches": [
            {"port": "a", "label": "Short letter", "weight": 3},
            {"port": "b", "label": "Nothing", "weight": 1, "holdout": True},
        ],
    }
}


@pytest.fixture
def journey(vendor: Vendor, now: datetime) -> Journey:
    net = a_net(
        {"test": ("split", EXPERIMENT), "one": pause("1d"), "two": pause("1d"), "end": END},
        *("start>test", "test.a>one", "test.b>two", "one>end", "two>end"),
    )
    definition = {
        **net.definition(),
        "goals": [{"name": "paid", "if": "'paid' in client.tags"}],
        "entry": {"re_entry": "when_finished"},
    }
    net.definition = lambda: definition  # type: ignore[method-assign]
    return net.publish(vendor, now=now)


def begin(journey: Journey, now: datetime, *, client: Client | None = None) -> Instance:
    client = client or builders.a_couple(journey.vendor, now=now)
    return instance_start(
        vendor=journey.vendor, journey=journey, client=client, variables={}, now=now, actor="test"
    )


def test_clients_fall_into_variants_by_their_weights_and_stay_there(journey: Journey, now: datetime) -> None:
    instances = [begin(journey, now) for _ in range(60)]
    run_until_idle(now)
    first = dict(VariantAssignment.objects.values_list("client_id", "variant"))
    assert set(first.values()) == {"a", "b"}
    assert 30 <= list(first.values()).count("a") <= 57

    later = now + timedelta(days=6)
    run_until_idle(later)
    for instance in instances[:10]:
        begin(journey, later, client=instance.client)
    run_until_idle(later)

    assert dict(VariantAssignment.objects.values_list("client_id", "variant")) == first


def test_variants_are_compared_by_the_goals_they_lead_to(
    api: Caller, stranger: Caller, journey: Journey, now: datetime
) -> None:
    instances = [begin(journey, now) for _ in range(20)]
    run_until_idle(now)
    of = dict(VariantAssignment.objects.values_list("client_id", "variant"))
    winner = next(one for one in instances if of[one.client_id] == "a")
    tag_add(client=winner.client, name="paid", now=now, actor="test")
    run_until_idle(now)

    answer = api.get(f"/api/journeys/{journey.public_id}/variants")

    assert answer.status_code == 200
    (found,) = answer.json()["experiments"]
    a, b = found["variants"]
    assert (a["name"], a["share"], a["holdout"]) == ("Short letter", 0.75, False)
    assert (b["name"], b["share"], b["holdout"]) == ("Nothing", 0.25, True)
    assert a["clients"] + b["clients"] == 20
    assert (a["goals"], b["goals"]) == (1, 0)
    assert a["inside"] + b["inside"] == 19
    assert a["low"] < a["rate"] < a["high"]
    assert stranger.get(f"/api/journeys/{journey.public_id}/variants").status_code == 404


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    [(0, 0, (None, None)), (0, 10, (0.0, 0.2775)), (5, 10, (0.2366, 0.7634)), (10, 10, (0.7225, 1.0))],
)
def test_a_rate_comes_with_the_span_it_may_lie_in(
    successes: int, trials: int, expected: tuple[float | None, float | None]
) -> None:
    assert wilson(successes, trials) == expected
