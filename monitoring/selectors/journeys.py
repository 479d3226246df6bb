"""Journeys with who stands where."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import Count, Q

from engine.graphs import graph_of
from engine.models import Instance, Schedule
from journeys.language.errors import DefinitionInvalid
from journeys.models import Journey, Vendor
from journeys.scoping import owned_by


def journey_rows(*, vendor: Vendor) -> list[Journey]:
    """Give a vendor's journeys that are not archived, with counts of their instances as attributes."""
    counted = {
        "live": Count("instances", filter=Q(instances__status__in=Instance.LIVE)),
        "completed": Count("instances", filter=Q(instances__status=Instance.Status.COMPLETED)),
        "total": Count("instances"),
    }
    return list(
        owned_by(vendor, Journey)
        .exclude(status=Journey.Status.ARCHIVED)
        .select_related("current_version")
        .annotate(**counted)
        .defer("draft", "current_version__definition")
        .order_by("name", "id")
    )


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of a journey, as a list shows it."""

    name: str
    kind: str
    icon: str
    #: How it is timed, in words; "" when it follows at once.
    when: str
    #: Where its ports lead, for steps with more than one way.
    ways: tuple[tuple[str, str], ...]
    #: Couples that stand there now.
    here: int


@dataclass(frozen=True, slots=True)
class JourneySteps:
    """The published steps of a journey."""

    journey: Journey
    lines: list[StepLine] = field(default_factory=list)
    readable: bool = True


def journey_steps(*, vendor: Vendor, public_id: str) -> JourneySteps | None:
    """Give the steps of a journey's published version in the order they are reached, or None."""
    journey = owned_by(vendor, Journey).select_related("current_version").filter(public_id=public_id).first()
    if journey is None:
        return None
    if journey.current_version_id is None:
        return JourneySteps(journey)
    try:
        graph = graph_of(journey.current_version_id)
    except DefinitionInvalid:
        return JourneySteps(journey, readable=False)
    here = dict(
        Schedule.objects.filter(
            instance__journey=journey,
            instance__version_id=journey.current_version_id,
            instance__status__in=Instance.LIVE,
        )
        .values_list("node_id")
        .annotate(count=Count("instance_id", distinct=True))
    )
    order = [graph.start.id, *(way.target for way in graph.ahead(graph.start.id))]
    lines = []
    for node_id in order:
        node = graph.nodes[node_id]
        ways = [(port, graph.successor(node_id, port)) for port in node.ports]
        named = [(port, graph.nodes[target].name or target) for port, target in ways if target]
        lines.append(
            StepLine(
                name=node.name or node.id,
                kind=node.node_type.title,
                icon=node.node_type.icon,
                when=timing_words(node.settings.when),
                ways=tuple(named) if len(node.ports) > 1 else (),
                here=here.get(node_id, 0),
            )
        )
    return JourneySteps(journey, lines)


def timing_words(when: object) -> str:
    """Say how a step is timed: "3d later", "30d before wedding at 09:00"."""
    kind = getattr(when, "kind", "")
    at = f" at {when.at}" if getattr(when, "at", None) else ""  # type: ignore[attr-defined]
    match kind:
        case "duration":
            return f"{when.for_} later{at}"  # type: ignore[attr-defined]
        case "date":
            return f"on {when.date}{at}"  # type: ignore[attr-defined]
        case "anchor":
            return _around(str(when.offset), str(when.anchor).replace("_", " "), at)  # type: ignore[attr-defined]
        case "window":
            return "when your sending hours begin"
        case "fact":
            return f"by the date in {when.path}{at}"  # type: ignore[attr-defined]
    return ""


def _around(offset: str, anchor: str, at: str) -> str:
    """Say how far from one of the couple's dates."""
    if offset in {"0d", ""}:
        return f"on the day: {anchor}{at}"
    side = "before" if offset.startswith("-") else "after"
    return f"{offset.lstrip('-').replace(' -', ' ')} {side}: {anchor}{at}"
