"""Journeys whose instant steps are walked, and what is told of passages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.models import Instance, NodeExecution
from tests.builders import END, JourneyBuilder, a_journey, a_net, merge, pause, split_all, tag


def conditions(number: int) -> JourneyBuilder:
    journey = a_journey()
    for index in range(number):
        journey.condition(f"c{index}", "true")
    return journey


def tagged() -> JourneyBuilder:
    """A change that a later step looks at."""
    return (
        a_journey()
        .condition("booked", "client.status == 'booked'")
        .action("mark", {"kind": "add_tag", "tag": "seen"})
        .condition("is_marked", "'seen' in client.tags", no="rest")
        .wait("rest", for_="3d")
    )


def branches(mode: str = "all", **settings: Any) -> JourneyBuilder:
    steps = {
        "split": split_all("a", "b", "c"),
        "one": ("condition", {"if": "wedding.guest_count > 10"}),
        "two": tag("two"),
        "more": ("condition", {"if": "'two' in client.tags"}),
        "slow": pause("2d"),
        "together": merge("split", mode, **settings),
        "after": ("condition", {"if": "'two' in client.tags"}),
        "end": END,
    }
    return a_net(
        steps,
        *("start>split", "split.a>one", "split.b>two", "split.c>slow", "two>more"),
        *("one.yes>together", "one.no>together", "more.yes>together", "more.no>together", "slow>together"),
        *("together>after", "after.yes>end", "after.no>end"),
    )


def nested() -> JourneyBuilder:
    steps = {
        "outer": split_all("a", "b"),
        "inner": split_all("c", "d"),
        "left": ("condition", {"if": "true"}),
        "right": ("condition", {"if": "true"}),
        "inside": merge("inner"),
        "beside": ("condition", {"if": "true"}),
        "outside": merge("outer"),
        "end": END,
    }
    return a_net(
        steps,
        *("start>outer", "outer.a>inner", "outer.b>beside", "inner.c>left", "inner.d>right"),
        *("left.yes>inside", "left.no>inside", "right.yes>inside", "right.no>inside", "inside>outside"),
        *("beside.yes>outside", "beside.no>outside", "outside>end"),
    )


def unlike(mode: str, **settings: Any) -> JourneyBuilder:
    """Branches of different lengths, that change nothing."""
    steps = {
        "split": split_all("a", "b"),
        **{name: ("condition", {"if": "true"}) for name in ("short", "long", "longer", "longest")},
        "together": merge("split", mode, **settings),
        "after": ("condition", {"if": "true"}),
        "end": END,
    }
    return a_net(
        steps,
        *("start>split", "split.a>short", "split.b>long", "long.yes>longer", "long.no>longer"),
        *("longer.yes>longest", "longer.no>longest", "short.yes>together", "short.no>together"),
        *("longest.yes>together", "longest.no>together", "together>after", "after.yes>end", "after.no>end"),
    )


def mailed() -> JourneyBuilder:
    return a_journey().condition("sure", "true").email("hello").condition("again", "true")


JOURNEYS: dict[str, Callable[[], JourneyBuilder]] = {
    "chain": lambda: conditions(14),
    "tagged": tagged,
    "all branches": branches,
    "first branch": lambda: branches("first", others="cancel"),
    "first branch, others go on": lambda: branches("first", others="go_on"),
    "unlike branches": lambda: unlike("all"),
    "first of unlike branches": lambda: unlike("first", others="cancel"),
    "first of unlike branches, others go on": lambda: unlike("first", others="go_on"),
    "nested": nested,
    "mailed": mailed,
}


def told(instance: Instance) -> list[tuple[Any, ...]]:
    rows = NodeExecution.objects.filter(instance=instance).order_by("at", "id")
    return list(
        rows.values_list("node_id", "branch", "visit", "attempt", "status", "port", "reason", "node_type")
    )
