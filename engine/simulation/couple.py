"""A couple in memory: the models that the engine reads, copied or invented, never saved."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

from django.db.models import Model

from engine.simulation.given import InventedCouple, InventedVendor
from journeys import selectors
from journeys.encryption import blind_index
from journeys.language.calendar import Calendar, local_time
from journeys.models import Client, Stakeholder, Tag, Vendor, Wedding, WeddingAnchor

M = TypeVar("M", bound=Model)

#: Rows that do not exist get numbers that no row has.
_NUMBERS = count(-1, -1)
BOOKED, BOOKING = "booked", "booking"


def _with(owner: Model, name: str, rows: Sequence[Model], model: type[Model]) -> None:
    """Let `owner.<name>.all()` give these rows, as a prefetch does."""
    found = model._default_manager.none()  # noqa: SLF001 the documented way to a model's manager
    found._result_cache = list(rows)  # noqa: SLF001 what prefetch_related fills
    found._prefetch_done = True  # type: ignore[attr-defined] # noqa: SLF001 the same
    cache = owner.__dict__.setdefault("_prefetched_objects_cache", {})
    cache[name] = found


def _bare(row: M) -> M:
    """Copy a row without what was prefetched beside it."""
    bare = copy.copy(row)
    bare.__dict__["_prefetched_objects_cache"] = {}
    return bare


@dataclass(slots=True)
class Couple:
    """One client with wedding and people; changing it changes nobody's rows."""

    vendor: Vendor
    client: Client
    wedding: Wedding | None
    tags: list[Tag] = field(default_factory=list)
    anchors: list[WeddingAnchor] = field(default_factory=list)
    people: list[Stakeholder] = field(default_factory=list)
    #: Why addresses must not be written to, by channel and index.
    suppressed: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        client: Client,
        *,
        wedding: Wedding | None,
        suppressed: Mapping[tuple[str, str], str] | None = None,
    ) -> Couple:
        """Copy a client that was loaded with tags, and a wedding with anchors and stakeholders."""
        couple = cls(
            client.vendor,
            _bare(client),
            _bare(wedding) if wedding else None,
            list(client.tags.all()),
            list(wedding.anchors.all()) if wedding else [],
            list(wedding.stakeholders.all()) if wedding else [],
            suppressed or {},
        )
        couple.settle()
        return couple

    @classmethod
    def invented(cls, given: InventedCouple, *, vendor: Vendor | None, started: datetime) -> Couple:
        """Make a couple that does not exist, for a vendor that does or does not."""
        vendor = invented_vendor(given.vendor or InventedVendor()) if given.vendor or not vendor else vendor
        said = given.client
        client = Client(
            id=next(_NUMBERS),
            vendor=vendor,
            **said.model_dump(exclude={"tags", "fields"}),
            fields=dict(said.fields),
            email_index=blind_index(said.email),
            phone_index=blind_index(said.phone),
            created_at=started,
        )
        couple = cls(vendor, client, None)
        couple.tags = [Tag(id=next(_NUMBERS), vendor=vendor, name=name) for name in said.tags]
        if given.wedding is not None:
            couple.invent_wedding(given, started=started)
        couple.settle()
        return couple

    def invent_wedding(self, given: InventedCouple, *, started: datetime) -> None:
        """Add the wedding with its dates and people; who has booked has the date of it."""
        said = given.wedding
        if said is None:
            return
        self.wedding = Wedding(
            id=next(_NUMBERS),
            vendor=self.vendor,
            client=self.client,
            time_zone=said.zone,
            created_at=started,
            **said.model_dump(exclude={"zone", "anchors"}),
        )
        for name, anchor in said.anchors.items():
            self.set_anchor(name, anchor.date, time=anchor.time, zone=anchor.zone)
        if self.client.status == BOOKED and BOOKING not in said.anchors:
            self.set_anchor(BOOKING, local_time(started, self.vendor.time_zone).date())
        self.people = [
            Stakeholder(
                id=next(_NUMBERS),
                vendor=self.vendor,
                wedding=self.wedding,
                email_index=blind_index(person.email),
                phone_index=blind_index(person.phone),
                created_at=started,
                **person.model_dump(),
            )
            for person in given.people
        ]

    def settle(self) -> None:
        """Let the models give what stands in the lists."""
        _with(self.client, "tags", sorted(self.tags, key=str), Tag)
        if self.wedding is not None:
            self.wedding.client = self.client
            _with(self.wedding, "anchors", self.anchors, WeddingAnchor)
            _with(self.wedding, "stakeholders", self.people, Stakeholder)
        _with(self.client, "weddings", [self.wedding] if self.wedding else [], Wedding)

    def copy(self) -> Couple:
        """Copy the couple, so that two ways do not see each other's changes."""
        client = _bare(self.client)
        client.fields = dict(client.fields or {})
        other = Couple(
            self.vendor,
            client,
            _bare(self.wedding) if self.wedding else None,
            list(self.tags),
            list(self.anchors),
            self.people,
            self.suppressed,
        )
        other.settle()
        return other

    @property
    def zone(self) -> str:
        """Return the zone the couple's times are shown in."""
        return self.wedding.time_zone if self.wedding else self.vendor.time_zone

    def facts(self, *, now: datetime) -> dict[str, Any]:
        """Give the roots client, wedding, people and vendor, as the engine reads them."""
        return selectors.facts_of(client=self.client, wedding=self.wedding, now=now)

    def calendar(self) -> Calendar:
        """Give the couple's dates, as the engine reads them."""
        return selectors.calendar_of(self.wedding, self.vendor)

    def add_tag(self, name: str) -> bool:
        """Put a tag on; tell whether that changed anything."""
        if any(tag.name == name for tag in self.tags):
            return False
        self.tags.append(Tag(id=next(_NUMBERS), vendor=self.vendor, name=name))
        self.settle()
        return True

    def remove_tag(self, name: str) -> bool:
        """Take a tag off; tell whether that changed anything."""
        kept = [tag for tag in self.tags if tag.name != name]
        changed, self.tags = len(kept) < len(self.tags), kept
        self.settle()
        return changed

    def set_anchor(self, name: str, date: Any, *, time: Any = None, zone: str = "") -> None:
        """Give the wedding another date, or take it away (None)."""
        if self.wedding is None:
            return
        self.anchors = [one for one in self.anchors if one.name != name]
        if date is not None:
            self.anchors.append(
                WeddingAnchor(
                    id=next(_NUMBERS),
                    vendor=self.vendor,
                    wedding=self.wedding,
                    name=name,
                    date=date,
                    time=time,
                    time_zone=zone,
                )
            )
        self.settle()


def invented_vendor(given: InventedVendor) -> Vendor:
    """Make a vendor that does not exist."""
    return Vendor(id=next(_NUMBERS), **given.model_dump())
