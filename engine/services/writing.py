"""Write results down: commit them, carry out what they change, tell who has to know, let branches come together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

import structlog
from django.conf import settings
from django.db import connection

from channels.services import sending
from engine.bells import ring_on_commit
from engine.models import Instance, NodeExecution
from engine.places import Place
from engine.services import changes, ending, fact_dates, interventions, joining
from engine.services.commits import commit
from engine.services.instances import tell_finished
from engine.services.results import Claim, NextPlace, Result
from engine.services.steps import Step
from journeys.language.outcomes import AddTag
from journeys.models import Client

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """What writing results came to."""

    #: Steps that were written; the others' places have moved on in the meantime.
    done: int
    #: What follows at once, for the caller to carry out before its transaction ends.
    claims: Sequence[Claim] = ()


def write(results: Sequence[Result], *, now: datetime, going: frozenset[int] = frozenset()) -> Written:
    """Commit results with their changes and tickets, inside the caller's transaction; ring on commit.

    What follows at once in instances that are `going` on is not rung for: it is given back as claims.
    """
    committed = commit(results, now=now, bell_lease=settings.QUEUE_BELL_LEASE_SECONDS, going=going)
    won = [result for result in results if result.claim.schedule_id in committed.won]
    if len(won) < len(results):
        log.info("stale_results", left_out=len(results) - len(won))
    _apply([result for result in won if result.changes], now=now)
    on_facts = [one for one in won if any(_hangs_on_a_fact(place) for place in one.successors)]
    if on_facts:
        fact_dates.follow_facts(instance_ids=[one.claim.instance_id for one in on_facts], now=now)
    _open_tickets(won, now=now)
    for result in won:
        if result.error_class:
            log_failure(result, now=now)
        if result.stay is None and result.status != NodeExecution.Status.SUCCEEDED:
            _give_up_messages(result, now=now)
    tell_finished(committed.finished, now=now)
    merged = _join(won, going=going, now=now)
    ring_on_commit(committed.places)
    return Written(len(won), [*committed.claims, *merged])


def _open_tickets(won: Sequence[Result], *, now: datetime) -> None:
    """Open tickets in one order, so that two batches with the same causes never wait for each other."""
    stopped = [(one.claim, one.ticket) for one in won if one.ticket]
    for claim, draft in sorted(stopped, key=lambda one: (one[1].code, one[0].schedule_id)):
        interventions.ticket_open(claim=claim, draft=draft, now=now)


def _hangs_on_a_fact(place: NextPlace) -> bool:
    return place.meant is not None and place.meant.get("kind") == fact_dates.FACT


def _join(won: Sequence[Result], *, going: frozenset[int], now: datetime) -> list[Claim]:
    """Look at the passages that have several tokens, one of which has ended, come to a merge, or failed."""
    moved: dict[int, str] = {}
    ended: dict[int, str] = {}
    for result in won:
        if not result.forks:
            continue
        if result.ends and result.last:
            ended[result.claim.instance_id] = result.reason or "The journey has ended."
        elif result.ends or result.ticket or any(place.arrives for place in result.successors):
            moved[result.claim.instance_id] = result.ends or moved.get(result.claim.instance_id, "")
    _take_away_rests(ended, now=now)
    moved = {key: how for key, how in moved.items() if key not in ended}
    return joining.settle(moved, going=going, now=now) if moved else []


_RESTS = "SELECT DISTINCT instance_id FROM engine_schedule WHERE instance_id = ANY(%s)"


def _take_away_rests(ended: Mapping[int, str], *, now: datetime) -> None:
    """Remove the tokens that are left of passages that have ended."""
    if not ended:
        return
    with connection.cursor() as cursor:
        cursor.execute(_RESTS, [list(ended)])
        rests = [row[0] for row in cursor.fetchall()]
    for instance in Instance.objects.filter(id__in=rests).order_by("id") if rests else ():
        ending.take_away_rest(instance=instance, reason=ended[instance.id], now=now)


def _give_up_messages(result: Result, *, now: datetime) -> None:
    """End what is open of the messages of a place that was left without having been done."""
    held = result.claim
    if not Step.of(held).node.node_type.outside:
        return
    instance_ref = Instance.objects.values_list("public_id", flat=True).get(id=held.instance_id)
    place = Place(instance_ref, held.node_id, held.branch, held.visit)
    sending.give_up(place=f"{place}:", now=now)


#: Whom changes are for; what a change reads of a client beyond that is loaded when it is asked for.
_WHOM = """
SELECT c.id, c.public_id, c.vendor_id, i.id AS instance_id, i.public_id AS instance_ref
FROM engine_instance i JOIN journeys_client c ON c.id = i.client_id
WHERE i.id = ANY(%s)
"""


def _apply(results: Sequence[Result], *, now: datetime) -> None:
    """Carry out the changes that steps asked for: each step's in their order, those of several steps side by side."""
    if not results:
        return
    # They carry the number and the name of their passage as well.
    found: Iterable[Any] = Client.objects.raw(_WHOM, [[one.claim.instance_id for one in results]])
    clients = {one.instance_id: one for one in found}
    whole = [
        clients[one.claim.instance_id].id
        for one in results
        if any(not isinstance(change, AddTag) for change in one.changes)
    ]
    known = Client.objects.select_related("vendor").in_bulk(whole) if whole else {}
    # By client, so that two batches with the same clients change them in one order.
    ordered = sorted(results, key=lambda one: clients[one.claim.instance_id].id)
    planned = [
        [
            changes.Planned(
                change,
                client=known.get(whom.id, whom),
                source=f"{Place(whom.instance_ref, held.node_id, held.branch, held.visit)}:{number}",
                actor=f"instance:{whom.instance_ref}",
            )
            for number, change in enumerate(result.changes)
        ]
        for result in ordered
        for held, whom in [(result.claim, clients[result.claim.instance_id])]
    ]
    for side_by_side in zip_longest(*planned):
        changes.apply_all([one for one in side_by_side if one is not None], now=now)


def log_failure(result: Result, *, now: datetime) -> None:
    """Write the error log's row of a failed result."""
    interventions.error_note(
        vendor_id=result.claim.vendor_id,
        instance_id=result.claim.instance_id,
        node_id=result.claim.node_id,
        error_class=result.error_class,
        code=result.error_code,
        message=result.reason,
        now=now,
    )
