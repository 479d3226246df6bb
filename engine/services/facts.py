"""Gather what steps may read, for many instances at once and only as much as they ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects

from engine.graphs import graph_of
from engine.models import Instance
from engine.services import loading
from journeys import selectors
from journeys.language.errors import AlreadyRegistered
from journeys.language.outcomes import AddTag, Change, RemoveTag

#: Roots for which an instance is loaded together with its client.
PEOPLE_ROOTS = frozenset({"client", "wedding", "vendor", "people", "recipient"})


@dataclass(frozen=True, slots=True)
class Need:
    """One instance, and what its step reads of the facts."""

    instance: Instance
    paths: frozenset[str]

    @property
    def roots(self) -> frozenset[str]:
        """The first part of every path."""
        return roots_of(self.paths)

    def reads(self, what: str) -> bool:
        """Tell whether a part of the facts, such as "journey.event", is read: itself, below it or its whole root."""
        return selectors.is_read(what, self.paths)


#: Gives a value for each instance that has one, by instance id, in a number of queries that does not grow.
Provider = Callable[[Sequence[Need], datetime], Mapping[int, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    names: tuple[str, ...]
    provide: Provider
    #: For instances without a value, read or not; None leaves the root out.
    empty: Any


_SOURCES: dict[str, _Source] = {}


def fact_root(*names: str, empty: Any = None) -> Callable[[Provider], Provider]:
    """Declare (as a decorator) who provides a root of the facts.

    The provider gets the needs that read the root and the time, and answers {instance id: value}. With several names
    it answers {instance id: {name: value}}. What a root holds is declared in `journeys.language.facts`.

    Raises:
        AlreadyRegistered: another provider has the name.
    """

    def keep(provide: Provider) -> Provider:
        source = _Source(names, provide, empty)
        for name in names:
            if name in _SOURCES:
                message = f"The fact root {name!r} is provided twice. Give one of them another name."
                raise AlreadyRegistered(message)
            _SOURCES[name] = source
        return provide

    return keep


def provided_roots() -> frozenset[str]:
    """Name every root that has a provider."""
    return frozenset(_SOURCES)


def facts_for(needs: Iterable[Need], *, now: datetime) -> dict[int, dict[str, Any]]:
    """Give the facts of each instance, by instance id, in a number of queries that does not grow with them."""
    read = [(need, need.roots) for need in needs]
    found = {need.instance.id: _own(need.instance, now=now) for need, _ in read}
    for source in dict.fromkeys(_SOURCES.values()):
        readers = [need for need, roots in read if not roots.isdisjoint(source.names)]
        if readers:
            for instance_id, value in source.provide(readers, now).items():
                found[instance_id].update(value if len(source.names) > 1 else {source.names[0]: value})
    return found


def _own(instance: Instance, *, now: datetime) -> dict[str, Any]:
    """Give what needs no query, and the empty values of the rest."""
    empty = {name: source.empty for name, source in _SOURCES.items() if source.empty is not None}
    return {
        **empty,
        "now": now.isoformat(),
        "parameters": dict(graph_of(instance.version_id).parameters),
        "variables": dict(instance.variables or {}),
    }


def roots_of(paths: frozenset[str]) -> frozenset[str]:
    """Give the first part of every path."""
    return frozenset(path.partition(".")[0] for path in paths)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An instance to load, and what is needed beside it."""

    instance_id: int
    paths: frozenset[str]
    #: The couple's dates, for placing what follows.
    dates: bool
    #: Everybody at the wedding, for finding the recipients.
    people: bool

    def prefetches(self) -> tuple[str, ...]:
        """Name the queries that go beside the instance's own."""
        found = []
        if self.dates or selectors.is_read(selectors.ANCHORS, self.paths):
            found.append("wedding__anchors")
        if self.people or selectors.is_read(selectors.PEOPLE, self.paths):
            found.append("wedding__stakeholders")
        if selectors.is_read(selectors.TAGS, self.paths):
            found.append("client__tags")
        return tuple(found)


def instances_for(
    wanted: Iterable[Wanted], *, known: Mapping[int, Instance] | None = None
) -> dict[int, Instance]:
    """Load instances with what their steps read, and with no more.

    Of those that are `known`, read before in the same transaction, only what was not read yet is looked up.
    """
    groups: dict[tuple[bool, tuple[str, ...]], list[int]] = defaultdict(list)
    beside: dict[tuple[str, ...], list[Instance]] = defaultdict(list)
    found: dict[int, Instance] = {}
    for one in wanted:
        with_client = one.people or bool(roots_of(one.paths) & PEOPLE_ROOTS)
        before = known.get(one.instance_id) if known else None
        if before is not None and (not with_client or Instance.client.is_cached(before)):
            found[before.id] = before
            beside[one.prefetches()].append(before)
        else:
            groups[with_client, one.prefetches()].append(one.instance_id)
    for prefetches, instances in beside.items():
        prefetch_related_objects(instances, *prefetches)
    for (with_client, prefetches), ids in groups.items():
        loaded = loading.load(ids, with_client=with_client)
        prefetch_related_objects(list(loaded.values()), *prefetches)
        found.update(loaded)
    return found


def is_still_read(instance: Instance, changes: Iterable[Change]) -> bool:
    """Forget of an instance what changes have altered; False where all of it has to be read anew."""
    if not all(isinstance(change, AddTag | RemoveTag) for change in changes):
        return False
    if Instance.client.is_cached(instance):
        # Where Django keeps what was looked up beside a row; `refresh_from_db` would look it up at once.
        vars(instance.client).get("_prefetched_objects_cache", {}).pop("tags", None)
    return True
