"""The journeys that are measured, as definitions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

MANUAL: Mapping[str, Any] = {"type": "manual"}
#: Steps between the start and the end of the empty chain.
EMPTY_STEPS = 8


def node(id_: str, kind: str, **settings: Any) -> dict[str, Any]:
    """Make a step."""
    return {"id": id_, "type": kind, "name": id_, "settings": settings}


def edge(before: str, port: str, after: str) -> dict[str, Any]:
    """Make a way from one step to the next."""
    return {"from": before, "port": port, "to": after}


def definition(
    nodes: Sequence[dict[str, Any]],
    edges: Sequence[dict[str, Any]],
    *,
    trigger: Mapping[str, Any] = MANUAL,
    where: str = "",
) -> dict[str, Any]:
    """Make a journey of steps and ways; its start leads to the first of the steps."""
    wanted: dict[str, Any] = {"trigger": dict(trigger)}
    if where:
        wanted["trigger"]["where"] = where
    return {
        "schema_version": 1,
        "parameters": {},
        "variables": {},
        "nodes": [node("start", "start", **wanted), *nodes],
        "edges": [edge("start", "next", nodes[0]["id"]), *edges],
    }


def _empty() -> dict[str, Any]:
    conditions = [node(f"c{number}", "condition", **{"if": "true"}) for number in range(EMPTY_STEPS)]
    edges = [
        edge(before["id"], port, after["id"])
        for before, after in itertools.pairwise([*conditions, node("end", "end")])
        for port in ("yes", "no")
    ]
    return definition([*conditions, node("end", "end")], edges)


def _real() -> dict[str, Any]:
    nodes = [
        node("booked", "condition", **{"if": "client.status == 'booked'"}),
        node("mark", "action", do=[{"kind": "add_tag", "tag": "seen"}]),
        node("ways", "split", by={"kind": "all", "branches": [{"port": "left"}, {"port": "right"}]}),
        node("tagged", "condition", **{"if": "'seen' in client.tags"}),
        node("large", "condition", **{"if": "wedding.guest_count > 10"}),
        node("together", "merge", split="ways"),
        node("end", "end"),
    ]
    edges = [
        edge("booked", "yes", "mark"),
        edge("booked", "no", "mark"),
        edge("mark", "next", "ways"),
        edge("ways", "left", "tagged"),
        edge("ways", "right", "large"),
        *(edge(one, port, "together") for one in ("tagged", "large") for port in ("yes", "no")),
        edge("together", "next", "end"),
    ]
    return definition(nodes, edges)


def _messages() -> dict[str, Any]:
    def email(name: str) -> dict[str, Any]:
        body = "Dear {{ recipient.first_name }}"
        return node(name, "email", to=["partner_1"], subject=name, body=body)

    return definition(
        [email("welcome"), email("guide"), node("end", "end")],
        [edge("welcome", "next", "guide"), edge("guide", "next", "end")],
    )


def _first_step() -> dict[str, Any]:
    rest = node("rest", "wait", when={"kind": "duration", "for": "30d"})
    return definition([rest, node("end", "end")], [edge("rest", "next", "end")])


#: Conditions that read nothing: what the engine itself costs.
EMPTY = "empty chain"
#: Conditions that read the couple, an action that changes it, a split and a merge.
REAL = "real steps"
#: Two emails through the local sink.
MESSAGES = "two messages"
#: One step, then a wait of a month.
FIRST_STEP = "first step"

JOURNEYS: dict[str, dict[str, Any]] = {
    EMPTY: _empty(),
    REAL: _real(),
    MESSAGES: _messages(),
    FIRST_STEP: _first_step(),
}
