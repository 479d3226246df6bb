"""Vendors, couples and published journeys, by the services or, where there are many, by the statement."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bench.definitions import JOURNEYS
from bench.filling import NEW_ID, multiply, plain
from bench.spending import FILLING, spending
from journeys.models import Client, Journey, Stakeholder, Vendor
from journeys.scoping import owned_by
from journeys.selectors import main_wedding
from journeys.services import journeys, vendors
from journeys.services.clients import client_add
from journeys.services.weddings import StakeholderData, WeddingData

ACTOR = "bench"
ZONE = "Europe/Lisbon"
#: Weddings so far ahead go through the queue `low`.
FAR = timedelta(days=200)
#: A wedding of tomorrow goes through the queue `critical`.
NEAR = timedelta(days=1)
#: Above so many, couples are copied by the statement.
BY_HAND = 20


def make_vendor(*, now: datetime) -> Vendor:
    """Add a vendor."""
    return vendors.vendor_add(
        name="Luz & Linho",
        kind="photographer",
        region="PT",
        time_zone=ZONE,
        email="ola@luz.example.com",
        now=now,
        actor=ACTOR,
    )


def make_couple(vendor: Vendor, *, now: datetime, ahead: timedelta = FAR, number: int = 0) -> Client:
    """Add one couple as the services do."""
    return client_add(
        vendor=vendor,
        status="booked",
        wedding=WeddingData(date=(now + ahead).date(), time_zone=ZONE, guest_count=80),
        stakeholders=[
            StakeholderData(role="partner_1", first_name="Ana", email=f"ana{number}@example.com"),
            StakeholderData(role="partner_2", first_name="Tom", email=f"tom{number}@example.com"),
        ],
        now=now,
        actor=ACTOR,
    )


@spending.on(FILLING)
def make_couples(
    vendor: Vendor, number: int, *, now: datetime, ahead: timedelta = FAR, reachable: bool = False
) -> list[Client]:
    """Add so many couples; `reachable` gives each an address of its own, for journeys that write to them.

    Otherwise all but the first are copies of it: what instant steps read of them is all there.
    """
    if reachable or number <= BY_HAND:
        return [make_couple(vendor, now=now, ahead=ahead, number=index) for index in range(number)]
    first = make_couple(vendor, now=now, ahead=ahead)
    copy_couples(first, number - 1)
    return list(
        owned_by(vendor, Client).filter(id__gte=first.id).prefetch_related("weddings").order_by("id")[:number]
    )


def copy_couples(
    like: Client, rows: int | str, *, vendor_id: str = "o.vendor_id", date: str = "", partner: bool = True
) -> None:
    """Add couples like one, each with a wedding and (`partner`) its first partner; `date` is an SQL expression of `n`."""
    before = Client.objects.order_by("-id").values_list("id", flat=True)[0]
    wedding = main_wedding(like)
    person = Stakeholder.objects.filter(wedding=wedding, role="partner_1").first()
    if wedding is None or person is None:
        message = "The couple to copy has no wedding, or nobody who marries."
        raise ValueError(message)
    multiply("journeys_client", like=like.id, rows=rows, vendor_id=vendor_id, public_id=f"'cli_' || {NEW_ID}")
    added = (
        "SELECT id, vendor_id, id AS n, row_number() OVER (ORDER BY id) AS place "  # noqa: S608 a number of ours
        f"FROM journeys_client WHERE id > {before}"
    )
    own: dict[str, str] = {"vendor_id": "n.vendor_id"}
    multiply(
        "journeys_wedding",
        like=wedding.id,
        rows=added,
        **own,
        client_id="n.id",
        public_id=f"'wed_' || {NEW_ID}",
        **({"date": date} if date else {}),
    )
    if not partner:
        return
    weddings = f"SELECT id, vendor_id, id AS n FROM journeys_wedding WHERE client_id > {before}"  # noqa: S608 the same
    multiply(
        "journeys_stakeholder",
        like=person.id,
        rows=weddings,
        **own,
        wedding_id="n.id",
        public_id=f"'sth_' || {NEW_ID}",
    )


@spending.on(FILLING)
def publish(name: str, vendor: Vendor, *, now: datetime, definition: dict[str, Any] | None = None) -> Journey:
    """Publish one of JOURNEYS, or a definition."""
    journey = journeys.journey_create(
        vendor=vendor, name=name, definition=definition or JOURNEYS[name], now=now, actor=ACTOR
    )
    journeys.journey_publish(journey=journey, now=now, actor=ACTOR)
    journey.refresh_from_db()
    return journey


def copy_vendors(like: Vendor, number: int) -> None:
    """Add so many vendors like one."""
    multiply("journeys_vendor", like=like.id, rows=number, public_id=f"'ven_' || {NEW_ID}")


def copy_journeys(like: Journey, rows: str) -> None:
    """Add published journeys like one: `rows` is a query that gives `vendor_id` and `n` for each."""
    version = like.current_version
    before = Journey.objects.order_by("-id").values_list("id", flat=True)[0]
    if version is None:
        message = "The journey to copy is not published."
        raise ValueError(message)
    multiply(
        "journeys_journey",
        like=like.id,
        rows=rows,
        vendor_id="n.vendor_id",
        public_id=f"'jrn_' || {NEW_ID}",
        current_version_id="NULL",
    )
    added = f"SELECT id, vendor_id, id AS n FROM journeys_journey WHERE id > {before}"  # noqa: S608 a number of ours
    multiply(
        "journeys_version",
        like=version.id,
        rows=added,
        vendor_id="n.vendor_id",
        journey_id="n.id",
        public_id=f"'ver_' || {NEW_ID}",
    )
    with plain() as connection:
        connection.execute(
            """UPDATE journeys_journey j SET current_version_id = v.id FROM journeys_version v
               WHERE v.journey_id = j.id AND j.id > %s""",
            [before],
        )
