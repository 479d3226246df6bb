"""Write what many passages begin with, by one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from engine import signals
from engine.models import Enrollment, Instance
from engine.services.enrolling.judging import Verdict
from engine.services.instances import wedding_start
from journeys.fields import new_public_ids
from journeys.models import Wedding

#: The wedding that a client's journeys are about: the newest that is not cancelled, else the newest, as
#: `selectors.main_wedding` says it for one.
_MAIN_WEDDINGS = """
SELECT DISTINCT ON (client_id) id FROM journeys_wedding WHERE client_id = ANY(%s)
ORDER BY client_id, status = 'cancelled', id DESC
"""
#: A client that is being removed takes its wedding along first: the same order here.
_STILL_THERE = "SELECT id FROM journeys_client WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"

#: Weddings are locked in the order of their numbers, as everywhere.
_HOLD_WEDDINGS = """
SELECT id, client_id, date, time_zone FROM journeys_wedding WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""

#: Passage, first place and deed, as `instance_start` writes them. The unique key of live passages has the last word.
_PLACE = """
WITH entering AS MATERIALIZED (
    SELECT * FROM unnest(string_to_array(%(public_ids)s, ','), string_to_array(%(clients)s, ',')::bigint[],
        string_to_array(%(weddings)s, ',', '')::bigint[], string_to_array(%(wedding_ats)s, ',', '')::timestamptz[])
        AS e(public_id, client_id, wedding_id, wedding_at)
), begun AS (
    INSERT INTO engine_instance (public_id, vendor_id, journey_id, version_id, client_id, wedding_id, status, reason,
        result, started_by, exclusive, pinned, variables, started_at)
    SELECT e.public_id, %(vendor)s, %(journey)s, %(version)s, e.client_id, e.wedding_id, 'active', '', '', '',
        %(exclusive)s, false, %(variables)s, %(now)s
    FROM entering e
    ON CONFLICT (journey_id, client_id) WHERE exclusive AND status IN ('active', 'paused') DO NOTHING
    RETURNING id, public_id, client_id
), placed AS (
    INSERT INTO engine_schedule (vendor_id, instance_id, node_id, branch, visit, state, due_at, reason, outside,
        wedding_at, fence, attempt, claims, queue, placed_at)
    SELECT %(vendor)s, begun.id, %(start)s, '', 1, 'waiting', %(now)s, '', false, e.wedding_at, 0, 0, 0, '', %(now)s
    FROM begun JOIN entering e USING (client_id)
), written AS (
    INSERT INTO journeys_auditrecord (vendor_id, at, actor, action, object_type, object_id, detail)
    SELECT %(vendor)s, %(now)s, %(actor)s, 'instance.started', 'instance', begun.public_id, '{}'::jsonb FROM begun
)
SELECT id, client_id FROM begun ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class HeldWedding:
    """The wedding that a passage is about."""

    id: int
    #: When its day begins; None without a date.
    starts_at: datetime | None


_NONE = HeldWedding(0, None)


@dataclass(frozen=True, slots=True)
class Held:
    """Clients who are held until the transaction ends, and the wedding of each that has one."""

    client_ids: tuple[int, ...]
    weddings: Mapping[int, HeldWedding]
    #: Their wedding went away at this moment: they are asked one by one.
    odd: tuple[int, ...]


def hold(client_ids: Sequence[int]) -> Held:
    """Let nobody move the weddings or remove the clients until the transaction ends.

    A move that is under way is waited for; a later one finds the passages and takes them along. Weddings first.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MAIN_WEDDINGS, [list(client_ids)])
        main = [row[0] for row in cursor.fetchall()]
        cursor.execute(_HOLD_WEDDINGS, [main])
        held = _started(cursor.fetchall())
        cursor.execute(_STILL_THERE, [list(client_ids)])
        there = [row[0] for row in cursor.fetchall()]
        odd: set[int] = set()
        if len(held) < len(main):
            cursor.execute("SELECT client_id FROM journeys_wedding WHERE client_id = ANY(%s)", [there])
            odd = {row[0] for row in cursor.fetchall()} - held.keys()
    return Held(tuple(one for one in there if one not in odd), held, tuple(sorted(odd)))


def _started(rows: Iterable[tuple[int, int, date | None, str]]) -> dict[int, HeldWedding]:
    """Say by client when each wedding's day begins; many weddings share a day."""
    days: dict[tuple[date | None, str], datetime | None] = {}
    held: dict[int, HeldWedding] = {}
    for wedding_id, client_id, day, zone in rows:
        if (day, zone) not in days:
            days[day, zone] = wedding_start(Wedding(date=day, time_zone=zone))
        held[client_id] = HeldWedding(wedding_id, days[day, zone])
    return held


def place(run: Enrollment, verdict: Verdict, held: Held, *, now: datetime) -> set[int]:
    """Begin the passages of those who are admitted, and give the clients for whom that was done.

    Inside the transaction that holds them. Nobody is rung for: the dispatcher takes them in their order.
    """
    if verdict.graph is None or not verdict.admitted:
        return set()
    weddings = [held.weddings.get(one, _NONE) for one in verdict.admitted]
    variables = Instance._meta.get_field("variables")  # noqa: SLF001 Django's documented door
    with connection.cursor() as cursor:
        cursor.execute(
            _PLACE,
            {
                "vendor": run.vendor_id,
                "journey": run.journey_id,
                "version": verdict.version_id,
                "exclusive": verdict.exclusive,
                # One value, one ciphertext: it says no more about anybody than that all began with the same.
                "variables": variables.get_prep_value(verdict.variables),
                "now": now,
                # Joined: a text is handed over much faster than a list.
                "public_ids": ",".join(new_public_ids("ins", len(weddings))),
                "clients": ",".join(map(str, verdict.admitted)),
                "weddings": ",".join(str(one.id or "") for one in weddings),
                "wedding_ats": ",".join(
                    one.starts_at.isoformat() if one.starts_at else "" for one in weddings
                ),
                "start": verdict.graph.start.id,
                "actor": run.made_by,
            },
        )
        begun = cursor.fetchall()
    if begun:
        _tell(run, verdict, [row[0] for row in begun], now=now)
    return {row[1] for row in begun}


def _tell(run: Enrollment, verdict: Verdict, instance_ids: Sequence[int], *, now: datetime) -> None:
    signals.clients_enrolled.send(
        sender=Instance, vendor_id=run.vendor_id, instance_ids=instance_ids, now=now
    )
    late_start = verdict.graph.late_start if verdict.graph else None
    if late_start is None or not late_start.show_plan:
        return
    # Whether somebody begins late is looked at one by one, as it is for a single start.
    rows = Instance.objects.filter(id__in=instance_ids).select_related(
        "vendor", "journey", "version", "client", "wedding"
    )
    for instance in rows.prefetch_related("wedding__anchors").order_by("id"):
        signals.instance_started.send(sender=Instance, instance=instance, now=now, actor=run.made_by)
