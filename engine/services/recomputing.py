"""Compute the moments of many couples' steps anew: after the vendor's settings or the rules of a zone have changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.graphs import graph_of
from engine.models import Instance
from engine.services.claims import lock_instances
from engine.services.following import Followed, follow
from engine.services.instances import wedding_start
from journeys import selectors
from journeys.models import Vendor
from journeys.scoping import owned_by


@dataclass(frozen=True, slots=True)
class Recomputed:
    """One pending step whose moment is another one now."""

    vendor: str
    instance: str
    step: str
    zone: str
    before: datetime | None
    after: datetime | None


def recompute(*, instance_ids: Sequence[int], now: datetime) -> list[Recomputed]:
    """Compute every pending step of these instances anew, inside the caller's transaction.

    Instances are locked in the order of their numbers. What stands where it should is not touched; where a moment
    changes, the fence grows. A second call changes nothing more.
    """
    lock_instances(instance_ids)
    groups: dict[tuple[int, int | None], list[Instance]] = defaultdict(list)
    rows = Instance.objects.filter(id__in=instance_ids, status__in=Instance.LIVE)
    for instance in (
        rows.select_related("vendor", "wedding").prefetch_related("wedding__anchors").order_by("id")
    ):
        groups[instance.vendor_id, instance.wedding_id].append(instance)
    found: list[Recomputed] = []
    for instances in groups.values():
        first = instances[0]
        calendar = selectors.calendar_of(first.wedding, first.vendor)
        followed = follow(
            instances=instances,
            calendar=calendar,
            stood=None,
            wedding_at=wedding_start(first.wedding),
            now=now,
        )
        by_id = {one.id: one for one in instances}
        found += [_named(by_id[one.instance_id], one, calendar.wedding_zone) for one in followed]
    return found


def follow_vendor(*, vendor: Vendor, now: datetime) -> list[Recomputed]:
    """Let the pending steps of all couples follow the vendor's settings, in the transaction that changed them."""
    live = owned_by(vendor, Instance).filter(status__in=Instance.LIVE).order_by("id")
    return recompute(instance_ids=list(live.values_list("id", flat=True)), now=now)


def _named(instance: Instance, followed: Followed, zone: str) -> Recomputed:
    node = graph_of(instance.version_id).nodes.get(followed.node_id)
    return Recomputed(
        vendor=instance.vendor.public_id,
        instance=instance.public_id,
        step=(node.name or node.id) if node else followed.node_id,
        zone=zone,
        before=followed.before,
        after=followed.after,
    )
