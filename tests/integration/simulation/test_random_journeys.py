"""Random journeys and random couples: what was simulated is what happens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine.models import Instance
from engine.simulation.given import AssumedEvent, Assumptions
from journeys.services.journeys import journey_create, journey_publish
from tests.builders import ACTOR, a_couple, a_vendor
from tests.integration.simulation.truth import assert_true_to_life

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

NOW = datetime(2027, 4, 14, 9, 0, tzinfo=UTC)
WAITS = ["45min", "6h", "1d", "3d", "1w", "2mo", "3bd"]
OFFSETS = ["-6mo", "-60d", "-30d", "-1d", "0d", "3d", "6w"]
CONDITIONS = [
    "client.status == 'booked'",
    "'deposit' in payments.received",
    "'late' in client.tags",
    "wedding.days_to != null && wedding.days_to > 30",
    "payments.total > 100.0",
    "true",
]
HOURS = [{}, {"every": ["09:00", "18:00"]}, {"mon": ["10:00", "12:00"], "fri": ["10:00", "20:00"]}]


class Net:
    """A journey that grows block by block; each block has one way in and one way out."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.numbers = count(1)
        self.nodes: list[dict[str, Any]] = []
        self.edges: list[dict[str, str]] = []

    def add(self, kind: str, **settings: Any) -> str:
        name = f"{kind}_{next(self.numbers)}"
        self.nodes.append({"id": name, "type": kind, "name": name, "settings": settings})
        return name

    def link(self, source: str, target: str, port: str = "next") -> None:
        self.edges.append({"from": source, "port": port, "to": target})

    def definition(self) -> dict[str, Any]:
        start = self.add("start", trigger={"type": "manual"})
        last = self.chain(start, "next", depth=0)
        self.link(*last[:1], self.add("end"), last[1])
        rules = self.draw(st.sampled_from([[], [{"name": "paid", "if": "payments.total > 500.0"}]]))
        return {
            "schema_version": 1,
            "parameters": {},
            "variables": {},
            "nodes": self.nodes,
            "edges": self.edges,
            "goals": rules,
        }

    def chain(self, source: str, port: str, *, depth: int) -> tuple[str, str]:
        """Put a few blocks behind one another; return the last step and the port it leads on by."""
        blocks = [self.mail, self.text, self.wait, self.dated, self.change, self.hear]
        if depth < 2:
            blocks += [self.fork, self.split, self.split]
        for _ in range(self.draw(st.integers(1, 3 if depth else 5))):
            source, port = self.draw(st.sampled_from(blocks))(source, port, depth)
        return source, port

    def mail(self, source: str, port: str, depth: int) -> tuple[str, str]:
        to = self.draw(st.sampled_from([["couple"], ["partner_2"], ["planner"], ["couple", "planner"]]))
        late = self.draw(st.sampled_from([None, {"rule": "send"}, {"rule": "skip"}, {"rule": "ask"}]))
        when = self.draw(st.sampled_from([None, *[{"kind": "anchor", "offset": one} for one in OFFSETS[:4]]]))
        step = self.add(
            "email",
            subject="Hello {{ recipient.first_name }}",
            body="{{ wedding.days_to | default: 'some' }} days",
            to=to,
            on_error=self.draw(st.sampled_from(["ticket", "skip", "skip"])),
            **({"when": when} if when else {}),
            **({"late": late} if late and when else {}),
        )
        self.link(source, step, port)
        return step, "next"

    def text(self, source: str, port: str, depth: int) -> tuple[str, str]:
        step = self.add("sms", body="Hello", to=["partner_1"])
        self.link(source, step, port)
        return step, "next"

    def wait(self, source: str, port: str, depth: int) -> tuple[str, str]:
        when = {"kind": "duration", "for": self.draw(st.sampled_from(WAITS))}
        if self.draw(st.booleans()):
            when["at"] = "10:30"
        step = self.add("wait", when=when)
        self.link(source, step, port)
        return step, "next"

    def dated(self, source: str, port: str, depth: int) -> tuple[str, str]:
        anchor = self.draw(st.sampled_from(["wedding", "wedding", "booking"]))
        step = self.add(
            "wait", when={"kind": "anchor", "anchor": anchor, "offset": self.draw(st.sampled_from(OFFSETS))}
        )
        self.link(source, step, port)
        return step, "next"

    def change(self, source: str, port: str, depth: int) -> tuple[str, str]:
        deed = self.draw(
            st.sampled_from(
                [
                    {"kind": "add_tag", "tag": "late"},
                    {"kind": "remove_tag", "tag": "late"},
                    {"kind": "set_status", "status": "done"},
                    {"kind": "set_field", "name": "album", "value": "{{ client.first_name }}"},
                    {"kind": "create_task", "title": "Call", "due": "2d"},
                ]
            )
        )
        step = self.add("action", do=[deed])
        self.link(source, step, port)
        return step, "next"

    def hear(self, source: str, port: str, depth: int) -> tuple[str, str]:
        step = self.add(
            "wait_for",
            event="payment_received",
            since=self.draw(st.sampled_from(["reached", "journey_start", "ever"])),
            timeout={"kind": "duration", "for": self.draw(st.sampled_from(WAITS)), "at": "09:00"},
        )
        mail = self.add("email", subject="Not yet", body="x", to=["partner_1"])
        after = self.add("action", do=[{"kind": "add_tag", "tag": "late"}])
        self.link(source, step, port)
        self.link(step, mail, "timeout")
        self.link(step, after)
        self.link(mail, after)
        return after, "next"

    def fork(self, source: str, port: str, depth: int) -> tuple[str, str]:
        step = self.add("condition", **{"if": self.draw(st.sampled_from(CONDITIONS))})
        after = self.add("action", do=[{"kind": "add_tag", "tag": "seen"}])
        self.link(source, step, port)
        self.link(*(yes := self.chain(step, "yes", depth=depth + 1))[:1], after, yes[1])
        self.link(step, after, "no")
        return after, "next"

    def split(self, source: str, port: str, depth: int) -> tuple[str, str]:
        ports = ["a", "b", "c"][: self.draw(st.integers(2, 3))]
        step = self.add("split", by={"kind": "all", "branches": [{"port": one} for one in ports]})
        mode = self.draw(st.sampled_from(["all", "all", "first"]))
        merge = self.add("merge", split=step, mode=mode)
        self.link(source, step, port)
        for one in ports:
            last, way = self.chain(step, one, depth=depth + 1)
            self.link(last, merge, way)
        return merge, "next"


@st.composite
def definitions(draw: Any) -> dict[str, Any]:
    return Net(draw).definition()


PAYMENTS = st.lists(
    st.tuples(st.integers(0, 300), st.sampled_from(["deposit", "final"]), st.integers(1, 900)), max_size=3
)


@settings(
    max_examples=12,
    deadline=None,
    # Shrinking runs the whole engine over and over; the failing journey itself says enough.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    definition=definitions(),
    days=st.sampled_from([None, 3, 29, 61, 200, 500]),
    hours=st.sampled_from(HOURS),
    payments=PAYMENTS,
    planner=st.booleans(),
)
def test_a_random_journey_comes_as_simulated(
    db: None, *, definition: dict[str, Any], days: int | None, hours: dict, payments: list, planner: bool
) -> None:
    vendor = a_vendor(now=NOW, sending_hours=hours)
    couple = a_couple(vendor, now=NOW, wedding_in=timedelta(days=days) if days is not None else None)
    if planner:
        couple.weddings.get().stakeholders.filter(role="partner_2").update(role="planner")
    journey = journey_create(vendor=vendor, name="Random", definition=definition, now=NOW, actor=ACTOR)
    journey_publish(journey=journey, now=NOW, actor=ACTOR)
    journey.refresh_from_db()
    events = tuple(
        AssumedEvent(
            type="payment_received",
            topic=topic,
            payload={"amount": amount, "currency": "EUR"},
            at=NOW + timedelta(days=after, minutes=7),
        )
        for after, topic, amount in payments
    )

    assert_true_to_life(journey, couple, Assumptions(events=events), now=NOW)
    # What waits on must not run along with the next example.
    Instance.objects.filter(vendor=vendor).delete()
