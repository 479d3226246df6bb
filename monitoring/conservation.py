"""Promises about what is conserved between where people stand, what happened and what was sent."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from django.db.models import Exists, OuterRef

from channels.services.callbacks import RANK
from engine.graphs import graph_of
from engine.models import Instance, NodeExecution, Schedule, TicketLine
from engine.services.claims import MAX_CLAIMS
from journeys.language import joins
from journeys.language.errors import DefinitionInvalid
from monitoring.invariants import A_MOMENT, EXAMPLES, REPLAYED, Finding, Look, invariant, rows

#: A sending that is under way while somebody opts out is not called back; it ends within so long.
UNDER_WAY = timedelta(seconds=30)
#: So far may two hosts' words about one moment lie apart.
AT_ONCE = timedelta(seconds=5)


@invariant(
    "Every place that is parked has somebody who will take it up: a date, something that happens, a person.",
    remedy="Retry the instance through the API; if it stays parked, roll it back to that step.",
    patience=A_MOMENT,
)
def parked_waits_for_somebody(_look: Look) -> Finding:
    """Find parked places without a ticket, a date that is missing, or anything that wakes them.

    A token at a merge waits for the others: such a merge must have reason to wait.
    """
    ticket = TicketLine.objects.filter(schedule_id=OuterRef("id"), status=TicketLine.Status.OPEN)
    found = (
        Schedule.objects.filter(
            ~Exists(ticket),
            state=Schedule.State.PARKED,
            awaits__isnull=True,
            meant__isnull=True,
            instance__status=Instance.Status.ACTIVE,
        )
        .select_related("instance")
        .order_by("-id")[:REPLAYED]
    )
    lost: list[str] = []
    merging: set[int] = set()
    for place in found:
        try:
            graph = graph_of(place.instance.version_id)
            at_merge = place.node_id in graph.nodes and joins.arrives(graph, place.node_id, place.branch)
        except DefinitionInvalid:
            continue  # `place_is_in_its_version` tells of it
        if at_merge:
            merging.add(place.instance_id)
        else:
            lost.append(f"{place.instance.public_id} at {place.node_id}")
    lost += _stuck_merges(merging)
    return Finding(len(lost), lost[:EXAMPLES])


def _stuck_merges(instance_ids: set[int]) -> list[str]:
    """Name the instances in which a merge has all that it waits for and has not gone on."""
    instances = Instance.objects.in_bulk(list(instance_ids))
    tokens: dict[int, list[joins.Standing]] = defaultdict(list)
    places = list(Schedule.objects.filter(instance_id__in=instance_ids).order_by("id"))
    lines = TicketLine.objects.filter(
        schedule_id__in=[place.id for place in places], status=TicketLine.Status.OPEN
    )
    failed = set(lines.values_list("schedule_id", flat=True))
    for place in places:
        tokens[place.instance_id].append(
            joins.Standing(
                place.id, place.node_id, place.branch, failed=place.id in failed, rounds=place.rounds or {}
            )
        )
    stuck = []
    for instance_id, standing in tokens.items():
        instance = instances[instance_id]

        def gone_on(node_id: str, branch: str, visit: int, instance: Instance = instance) -> bool:
            place = {"instance": instance, "node_id": node_id, "branch": branch, "visit": visit}
            return Schedule.objects.filter(**place).exists() or NodeExecution.objects.filter(**place).exists()

        settled = joins.settle(graph_of(instance.version_id), standing, gone_on=gone_on)
        if settled.fired or settled.too_late:
            stuck.append(f"{instance.public_id}: a merge did not go on")
    return stuck


@invariant(
    "What is begun again and again without a result is handed to a person.",
    remedy="Look for what kills the workers at this step, then work its ticket.",
    patience=A_MOMENT,
)
def poison_is_quarantined(_look: Look) -> Finding:
    """Find places that were claimed more often than a step may be without a result."""
    return rows(
        """SELECT s.id FROM engine_schedule s WHERE s.state IN ('waiting', 'queued', 'running')
           AND s.claims > %(most)s + 1""",
        most=MAX_CLAIMS,
    )


@invariant(
    "Nothing more happens at a place that was completed.",
    remedy="Stop the queue and report it with the instance's history: a step was carried out after its end.",
)
def completed_is_the_end(look: Look) -> Finding:
    """Find history that goes on at a place after the row that completed it; a new round has a number of its own."""
    return rows(
        """SELECT DISTINCT later.instance_id || ':' || later.node_id || ':' || later.branch || ':' || later.visit
           FROM engine_nodeexecution later JOIN engine_nodeexecution done
             ON done.instance_id = later.instance_id AND done.node_id = later.node_id
            AND done.branch = later.branch AND done.visit = later.visit AND done.id < later.id
           WHERE later.id > %(since)s
             AND (done.status IN ('succeeded', 'skipped', 'cancelled') OR done.status = 'failed' AND done.port <> '')""",
        since=look.since("engine_nodeexecution"),
    )


@invariant(
    "No step is carried out before its time, and nothing is told of the future.",
    remedy="Compare the clocks of database and hosts, then report it with the row of history.",
)
def never_early(look: Look) -> Finding:
    """Find steps that were begun before they were due, and history that is dated ahead."""
    return rows(
        """SELECT id FROM engine_nodeexecution WHERE id > %(since)s
           AND (status = 'succeeded' AND port <> '' AND started_at < due_at - interval '1 second'
                OR at > %(now)s + %(at_once)s)""",
        since=look.since("engine_nodeexecution"),
        now=look.now,
        at_once=AT_ONCE,
    )


@invariant(
    "Nothing is sent to an address after its owner has said no.",
    remedy="Stop the queue and report it with the message: its last check of consent was passed over.",
)
def nothing_after_no(look: Look) -> Finding:
    """Find messages handed over to an address later than it was barred."""
    return rows(
        """SELECT m.public_id FROM channels_message m JOIN channels_suppression s
             ON s.vendor_id = m.vendor_id AND s.channel = m.channel AND s.address_index = m.address_index
           WHERE m.id > %(since)s AND m.status IN ('sending', 'accepted', 'in_doubt', 'unknown')
             AND m.sending_at > s.created_at + %(under_way)s""",
        since=look.since("channels_message"),
        under_way=UNDER_WAY,
    )


@invariant(
    "Nothing is sent for a journey that was stopped for the client.",
    remedy="Stop the queue and report it with the message: its last check of the journey was passed over.",
)
def nothing_after_the_end(look: Look) -> Finding:
    """Find messages handed over later than their passage was cancelled."""
    return rows(
        """SELECT m.public_id FROM channels_message m JOIN engine_instance i ON i.public_id = m.instance_ref
           WHERE m.id > %(since)s AND m.status IN ('sending', 'accepted', 'in_doubt', 'unknown')
             AND i.status = 'cancelled' AND m.sending_at > i.finished_at + %(under_way)s""",
        since=look.since("channels_message"),
        under_way=UNDER_WAY,
    )


@invariant(
    "A message that a provider has reported on is known to have been taken.",
    remedy="Settle the message by hand as sent; report it with what was heard of it.",
)
def heard_of_is_sent(look: Look) -> Finding:
    """Find messages with word from the provider that are shown as not sent."""
    return rows(
        """SELECT public_id FROM channels_message
           WHERE id > %(since)s AND status <> 'accepted' AND delivery IN ('delivered', 'opened', 'clicked', 'bounced')""",
        since=look.since("channels_message"),
    )


@invariant(
    "What is shown of a delivery is what the provider's reports come to, in whatever order they came.",
    remedy="Set the message's delivery to the weightiest of its reports; report the case with them.",
)
def delivery_is_what_was_reported(look: Look) -> Finding:
    """Recompute the newest messages' delivery from what was heard; the message's own way out leaves no report."""
    ranks = "CASE {} " + " ".join(f"WHEN '{kind}' THEN {rank}" for kind, rank in RANK.items()) + " ELSE 0 END"
    shown, heard = ranks.format("m.delivery"), ranks.format("e.kind")
    return rows(
        f"""SELECT m.public_id FROM channels_message m JOIN channels_deliveryevent e ON e.message_id = m.id
            WHERE m.id > %(since)s GROUP BY m.id, m.public_id, m.delivery
            HAVING {shown} < max({heard}) OR {shown} > max({heard}) AND m.delivery <> 'unsubscribed'""",  # noqa: S608 words of our own
        since=look.since("channels_message"),
    )
