"""Look ahead: what would happen with couples that exist, or that do not, without anything happening."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.graphs import graph_of
from engine.models import Instance, NodeExecution
from engine.simulation.calendar import Outlook
from engine.simulation.changing import Library
from engine.simulation.couple import Couple
from engine.simulation.given import Assumptions, InventedCouple, aware
from engine.simulation.loading import From, Subject, load, start_variables
from engine.simulation.ways import Beginning, look_ahead
from engine.simulation.world import ALONE, Heard, Surroundings, World
from journeys import validation
from journeys.errors import Invalid
from journeys.language.errors import DefinitionInvalid
from journeys.language.graph import Graph
from journeys.language.zones import local_time
from journeys.models import Client, Journey, Vendor, Version
from journeys.scoping import owned_by

__all__ = ["MOST_CLIENTS", "Subject", "invented_beginning", "simulate", "subject_of", "sums_of"]

#: Clients of one request.
MOST_CLIENTS = 1_000
#: Warnings of the sums.
MOST_WARNINGS = 50


def subject_of(*, journey: Journey, version: int | None = None, draft: bool = False) -> Subject:
    """Read the journey's published version, another one by its number, or its draft.

    Raises:
        Invalid: it is not published (`not_published`), has no such version (`unknown_version`), or the draft
            can not be run (`invalid_definition`, with every problem).
    """
    if draft:
        try:
            return Subject(journey, validation.graph_of(journey.draft), None)
        except DefinitionInvalid as error:
            details = {"problems": [problem.as_dict() for problem in error.problems]}
            message = f"The draft can not be run yet: {error.problems[0].message}"
            raise Invalid(message, code="invalid_definition", details=details) from error
    if version is None:
        if journey.current_version is None:
            raise Invalid("This journey is not published: look at its draft instead.", code="not_published")
        return Subject(journey, graph_of(journey.current_version.id), journey.current_version)
    found = Version.objects.filter(journey=journey, number=version).first()
    if found is None:
        raise Invalid(f"This journey has no version {version}.", code="unknown_version")
    return Subject(journey, graph_of(found.id), found)


def simulate(
    *,
    subject: Subject,
    assumptions: Assumptions,
    now: datetime,
    clients: Iterable[Client] = (),
    invented: Sequence[InventedCouple] = (),
    begin: From = "here",
    variables: Mapping[str, Any] | None = None,
    standing: Sequence[Instance] = (),
) -> list[Outlook]:
    """Tell everything that would happen in a journey with these clients and invented couples. Reads only.

    `standing` names the passages to go on from, for clients who may be in the journey more than once. The number of
    queries does not grow with the clients.

    Raises:
        Invalid: too many clients (`too_many_clients`), or a variable is missing or wrong.
    """
    rows = list(clients)
    if len(rows) + len(invented) > MOST_CLIENTS:
        raise Invalid(f"Look at no more than {MOST_CLIENTS:,} couples at once.", code="too_many_clients")
    journey, values = subject.journey, variables or {}
    loaded, known = load(subject, rows, begin=begin, now=now, standing=standing)
    beginnings = [loaded.beginning(client, begin=begin, variables=values) for client in known]
    beginnings += [
        invented_beginning(
            given,
            graph=subject.graph,
            name=journey.name,
            vendor=journey.vendor,
            now=now,
            journey=journey,
            variables=values,
            around=ALONE if given.vendor else loaded.around,
        )
        for given in invented
    ]
    library = library_of(journey.vendor)
    return [look_ahead(one, assumptions, library=library) for one in beginnings]


def library_of(vendor: Vendor) -> Library:
    """Find the vendor's other journeys, for steps that start them; each is read once."""
    known: dict[str, tuple[str, Graph] | None] = {}

    def find(public_id: str) -> tuple[str, Graph] | None:
        if public_id not in known:
            rows = owned_by(vendor, Journey).filter(status=Journey.Status.ACTIVE)
            journey = rows.filter(public_id=public_id).first()
            published = journey is not None and journey.current_version_id is not None
            known[public_id] = (
                (journey.name, graph_of(journey.current_version_id)) if journey and published else None
            )
        return known[public_id]

    return find


def invented_beginning(
    given: InventedCouple,
    *,
    graph: Graph,
    name: str,
    vendor: Vendor | None,
    now: datetime,
    journey: Journey | None = None,
    variables: Mapping[str, Any] | None = None,
    around: Surroundings = ALONE,
) -> Beginning:
    """Begin with a couple that does not exist, for a vendor that does or does not.

    Raises:
        Invalid: a variable of the journey is missing or wrong.
    """
    started = aware(given.started, given.zone()) if given.started else now
    values = start_variables(graph, {**(variables or {}), **given.variables})
    couple = Couple.invented(given, vendor=vendor, started=started)
    heard = [
        Heard(one.type, one.topic, one.payload, aware(one.at, couple.zone) if one.at else started)
        for one in given.events
    ]

    def world() -> World:
        made = World(couple.copy(), started, heard=list(heard), around=around)
        made.begin(graph, name=name, now=started, variables=values, trigger=given.trigger, journey=journey)
        return made

    return Beginning("", given.name or couple.client.display_name, world)


def sums_of(outlooks: Sequence[Outlook]) -> dict[str, Any]:
    """Add up the first ways of many couples: messages by month and step, ends, and warnings."""
    months: Counter[str] = Counter()
    results: Counter[str] = Counter()
    warnings: Counter[str] = Counter()
    steps: dict[str, dict[str, Any]] = {}
    for outlook in outlooks:
        way = outlook.ways[0]
        results[way.result or "under way"] += 1
        warnings.update(way.warnings)
        for one in way.happenings:
            sent = sum(1 for copy in one.copies if not copy.withheld)
            entry = steps.setdefault(
                one.node_id,
                {"step": one.node_id, "title": one.title, "times": 0, "skipped": 0, "messages": 0},
            )
            entry["times"] += 1
            entry["skipped"] += one.status == NodeExecution.Status.SKIPPED
            entry["messages"] += sent
            if sent:
                months[f"{local_time(one.at, outlook.zone):%Y-%m}"] += sent
    return {
        "couples": len(outlooks),
        "messages": sum(months.values()),
        "by_month": dict(sorted(months.items())),
        "by_step": list(steps.values()),
        "results": dict(results),
        "warnings": [{"sentence": said, "couples": n} for said, n in warnings.most_common(MOST_WARNINGS)],
    }
