"""Make what tests are about, in the words of the product."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from itertools import count
from typing import Any, Self

from journeys.models import Client, Journey, Vendor
from journeys.services import journeys, vendors
from journeys.services.clients import client_add
from journeys.services.weddings import StakeholderData, WeddingData

ACTOR = "test"
_NUMBERS = count(1)


def a_vendor(*, now: datetime, **fields: Any) -> Vendor:
    """Add a photographer in Lisbon."""
    given: dict[str, Any] = {
        "name": "Luz & Linho",
        "kind": "photographer",
        "region": "PT",
        "time_zone": "Europe/Lisbon",
        "email": "ola@luz.example.com",
        # Some tests run by the real clock: at night they must do what they do by day.
        "contact_rules": {"quiet_hours": {"sms": []}},
        **fields,
    }
    return vendors.vendor_add(**given, now=now, actor=ACTOR)


def a_couple(
    vendor: Vendor, *, now: datetime, wedding_in: timedelta | None = timedelta(days=200), **fields: Any
) -> Client:
    """Add a couple whose wedding is so far ahead, at 15:30 in Lisbon; None is no date yet."""
    number = next(_NUMBERS)
    wedding = WeddingData(
        date=(now + wedding_in).date() if wedding_in is not None else None,
        time=time(15, 30) if wedding_in is not None else None,
        time_zone=fields.pop("time_zone", "Europe/Lisbon"),
        venue="Quinta da Serra",
        city="Sintra",
        guest_count=80,
    )
    partners = fields.pop("stakeholders", None) or (
        StakeholderData(
            role="partner_1",
            first_name="Inês",
            last_name="Alves",
            email=f"ines{number}@example.com",
            phone=f"+35191{number % 10_000_000:07d}",
        ),
        StakeholderData(
            role="partner_2", first_name="Tomás", last_name="Reis", email=f"tomas{number}@example.com"
        ),
    )
    return client_add(
        vendor=vendor,
        **{"display_name": "Inês & Tomás", "status": "booked", **fields},
        wedding=wedding,
        stakeholders=partners,
        now=now,
        actor=ACTOR,
    )


class JourneyBuilder:
    """Write a journey as a chain of steps: `a_journey().email("hello").wait(for_="3d").end()`."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.edges: list[dict[str, str]] = []
        self.parameters: dict[str, Any] = {}
        self.variables: dict[str, Any] = {}
        self.rules: dict[str, Any] = {}
        self._open: list[tuple[str, str]] = []
        self._add("start", "start", {"trigger": {"type": "manual"}})

    def trigger(self, type_: str, /, *, where: str = "", **settings: Any) -> Self:
        self.nodes[0]["settings"] = {"trigger": {"type": type_, "settings": settings, "where": where}}
        return self

    def parameter(self, name: str, *, kind: str, value: Any) -> Self:
        self.parameters[name] = {"kind": kind, "value": value, "label": name}
        return self

    def variable(self, name: str, *, kind: str = "text", default: Any = None) -> Self:
        self.variables[name] = {"kind": kind, "default": default}
        return self

    def entry(self, **rules: Any) -> Self:
        """Say who may enter, how often, and how many."""
        self.rules = rules
        return self

    def email(self, node_id: str, *, body: str = "Dear {{ recipient.first_name }}", **settings: Any) -> Self:
        return self._add(
            node_id, "email", {"subject": f"About {node_id}", "body": body, "to": ["partner_1"], **settings}
        )

    def sms(self, node_id: str, *, body: str = "Hello {{ recipient.first_name }}", **settings: Any) -> Self:
        return self._add(node_id, "sms", {"body": body, "to": ["partner_1"], **settings})

    def wait(self, node_id: str = "", *, for_: str = "", **when: Any) -> Self:
        timing = {"kind": "duration", "for": for_} if for_ else when
        return self._add(node_id or f"wait_{len(self.nodes)}", "wait", {"when": timing})

    def wait_for_date(self, node_id: str, offset: str, *, anchor: str = "wedding", at: str = "09:00") -> Self:
        return self.wait(node_id, kind="anchor", anchor=anchor, offset=offset, at=at)

    def action(self, node_id: str, *deeds: dict[str, Any], **settings: Any) -> Self:
        return self._add(node_id, "action", {"do": list(deeds), **settings})

    def condition(self, node_id: str, if_: str, *, no: str = "") -> Self:
        """Go on by `yes`; `no` leads to the named step, or to the end."""
        self._add(node_id, "condition", {"if": if_})
        self._open = [(node_id, "yes")]
        self._no = (node_id, no or "end")
        self.edges.append({"from": node_id, "port": "no", "to": no or "end"})
        return self

    def step(self, node_id: str, kind: str, **settings: Any) -> Self:
        return self._add(node_id, kind, settings)

    def definition(self) -> dict[str, Any]:
        """Give the definition, closed with an end."""
        if not any(node["type"] == "end" for node in self.nodes):
            self._add("end", "end", {})
        return {
            "schema_version": 1,
            "parameters": self.parameters,
            "variables": self.variables,
            "nodes": self.nodes,
            "edges": self.edges,
            **({"entry": self.rules} if self.rules else {}),
        }

    def publish(self, vendor: Vendor, *, now: datetime, name: str = "A journey", **fields: Any) -> Journey:
        journey = journeys.journey_create(
            vendor=vendor, name=name, definition=self.definition(), now=now, actor=ACTOR, **fields
        )
        journeys.journey_publish(journey=journey, now=now, actor=ACTOR)
        journey.refresh_from_db()
        return journey

    def _add(self, node_id: str, kind: str, settings: dict[str, Any]) -> Self:
        self.nodes.append({"id": node_id, "type": kind, "name": node_id, "settings": settings})
        self.edges += [{"from": source, "port": port, "to": node_id} for source, port in self._open]
        self._open = [] if kind == "end" else [(node_id, "next")]
        return self


def a_journey() -> JourneyBuilder:
    """Begin a journey that is started by hand."""
    return JourneyBuilder()


def a_net(steps: dict[str, tuple[str, dict[str, Any]]], *edges: str) -> JourneyBuilder:
    """Write a journey as a net: its steps by id, and its edges as "from>to" or "from.port>to".

    A start that is begun by hand is there already, and so are edges of the kind "start>first".
    """
    builder = JourneyBuilder()
    for node_id, (kind, settings) in steps.items():
        builder.nodes.append({"id": node_id, "type": kind, "name": node_id, "settings": settings})
    for edge in edges:
        source, _, target = edge.partition(">")
        source, _, port = source.partition(".")
        builder.edges.append({"from": source, "port": port or "next", "to": target})
    return builder


def split_all(*ports: str) -> tuple[str, dict[str, Any]]:
    """Write a split that takes all its branches."""
    return "split", {"by": {"kind": "all", "branches": [{"port": port} for port in ports]}}


def merge(split: str, mode: str = "all", **settings: Any) -> tuple[str, dict[str, Any]]:
    """Write a merge of a split's branches."""
    return "merge", {"split": split, "mode": mode, **settings}


def tag(name: str) -> tuple[str, dict[str, Any]]:
    """Write a step that leaves a trace: a tag on the client."""
    return "action", {"do": [{"kind": "add_tag", "tag": name}]}


def pause(for_: str) -> tuple[str, dict[str, Any]]:
    """Write a wait of so long."""
    return "wait", {"when": {"kind": "duration", "for": for_}}


END: tuple[str, dict[str, Any]] = ("end", {})
