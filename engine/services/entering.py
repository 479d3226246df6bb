"""Who may enter a journey: how often the same client, how many clients, and into which version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db import connection
from django.db.models import QuerySet

from engine.graphs import graph_of
from engine.models import Instance
from journeys.errors import Conflict
from journeys.language.passages import Entry
from journeys.language.zones import local_instant, local_time
from journeys.models import Client, Journey, Wedding

ReEntry = Journey.ReEntry

# A publishing locks the journey for itself: it waits for entries under way, and later ones see its version. Entries
# do not wait for one another.
_EARLIER = "SELECT status, finished_at FROM engine_instance WHERE journey_id = %s AND client_id = %s ORDER BY finished_at DESC"
_CURRENT = "SELECT current_version_id, status FROM journeys_journey WHERE id = %s FOR KEY SHARE"


@dataclass(frozen=True, slots=True)
class Admission:
    """Say how a client enters."""

    version_id: int
    #: No second passage of this client beside it.
    exclusive: bool


def admit(*, journey: Journey, client: Client, now: datetime) -> Admission:
    """Let a client enter a journey, inside the transaction that makes the instance; two at once wait for each other.

    The wedding is locked before, if there is one. Locks here: client in this journey, journey, and the journey's
    limits where it has some. Nothing is written; a second call gives the same answer as long as no instance was made.

    Raises:
        Conflict: `not_published`; `already_active` (the client is inside), `already_entered` (only once),
            `entered_recently` (not before so many days); `limit_live`, `limit_per_day`, `limit_total`.
    """
    one_at_a_time(journey, client)
    with connection.cursor() as cursor:
        cursor.execute(_CURRENT, [journey.id])
        version_id, status = cursor.fetchone() or (None, "")
    if version_id is None or status != Journey.Status.ACTIVE:
        raise Conflict("This journey is not published: publish it first.", code="not_published")
    entry = graph_of(version_id).entry
    rule, days = rule_of(journey, entry)
    if rule != ReEntry.ALWAYS:
        _check_again(journey, client, rule=rule, days=days, now=now)
    if entry.limited:
        _check_limits(journey, entry, now=now)
    return Admission(version_id, exclusive=rule != ReEntry.ALWAYS)


def readmit(*, instance: Instance, now: datetime) -> None:
    """Let a passage that has ended begin again, inside the transaction that does it; its client is held already.

    It is the same passage, so that a journey which is entered once allows it; what must not be is the client in it
    twice. Nothing is written.

    Raises:
        Conflict: `not_published` (the journey was archived), `wedding_cancelled`, `already_active` (the client is in
            another passage), `limit_live`.
    """
    journey, wedding = instance.journey, instance.wedding
    if journey.status != Journey.Status.ACTIVE:
        raise Conflict("This journey is not published any more: publish it first.", code="not_published")
    passage = graph_of(instance.version_id).passage
    cancelled = wedding is not None and wedding.status == Wedding.Status.CANCELLED
    if cancelled and passage.on_wedding_cancelled != "go_on":
        raise Conflict("The wedding is cancelled, and the journey ends with it.", code="wedding_cancelled")
    entry = graph_of(journey.current_version_id or instance.version_id).entry
    rule, _days = rule_of(journey, entry)
    others = Instance.objects.filter(journey=journey, client=instance.client, status__in=Instance.LIVE)
    if (instance.exclusive or rule != ReEntry.ALWAYS) and others.exclude(id=instance.id).exists():
        raise Conflict("This client is in the journey already, in a newer passage.", code="already_active")
    if entry.max_live is not None:
        _check_limits(journey, entry.model_copy(update={"max_per_day": None, "max_total": None}), now=now)


def one_at_a_time(journey: Journey, client: Client) -> None:
    """Let two entries of the same client into the same journey wait for each other until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [journey.id % 2**31, client.id % 2**31])


def rule_of(journey: Journey, entry: Entry) -> tuple[str, int]:
    """Give the rule that holds and its days: the published version's, or else the journey's own."""
    if entry.re_entry is not None:
        return entry.re_entry, entry.days or 0
    return journey.re_entry, journey.re_entry_days or 0


def _check_again(journey: Journey, client: Client, *, rule: str, days: int, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_EARLIER, [journey.id, client.id])
        earlier = cursor.fetchall()
    if any(status in Instance.LIVE for status, _ in earlier):
        raise Conflict("This client is in the journey already.", code="already_active")
    if rule == ReEntry.ONCE and earlier:
        raise Conflict(
            "This client has been through the journey, which allows it once.", code="already_entered"
        )
    if rule == ReEntry.AFTER_DAYS:
        ended = earlier[0][1] if earlier else None
        if ended is not None and now < ended + timedelta(days=days):
            raise Conflict(
                f"This client's last passage ended on {ended:%Y-%m-%d}; the journey allows the next one {days} "
                "days later.",
                code="entered_recently",
                details={"again_at": (ended + timedelta(days=days)).isoformat()},
            )


def hold_limits(journey: Journey) -> None:
    """Let entries into a journey with limits wait for one another until they are committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('journey entries', %s))", [journey.id])


def _check_limits(journey: Journey, entry: Entry, *, now: datetime) -> None:
    """Count who has entered."""
    hold_limits(journey)
    entered = Instance.objects.filter(journey=journey)
    if _full(entered.filter(status__in=Instance.LIVE), entry.max_live):
        raise Conflict(
            f"{entry.max_live:,} clients are inside this journey, and that is its limit. Raise it or wait.",
            code="limit_live",
        )
    if _full(entered.filter(started_at__gte=day_begins(journey, now)), entry.max_per_day):
        raise Conflict(
            f"{entry.max_per_day:,} clients have entered this journey today, and that is its limit for a day.",
            code="limit_per_day",
        )
    if _full(entered, entry.max_total):
        raise Conflict(
            f"{entry.max_total:,} clients have entered this journey, and that is its limit. Raise it to let more in.",
            code="limit_total",
        )


def _full(entered: QuerySet[Instance], limit: int | None) -> bool:
    """Tell whether a limit is reached, counting no further than that."""
    return limit is not None and entered[:limit].count() >= limit


def day_begins(journey: Journey, now: datetime) -> datetime:
    """Give the moment at which today began where the vendor is."""
    zone = journey.vendor.time_zone
    return local_instant(local_time(now, zone).date(), time(), zone)
