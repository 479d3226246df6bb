"""One client, read as its facts need it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from journeys import selectors
from journeys.models import Client, Vendor, Wedding
from journeys.services.clients import client_change, tag_add
from journeys.services.weddings import WeddingData, wedding_add
from tests.builders import ACTOR, a_couple, a_vendor

pytestmark = pytest.mark.django_db


@pytest.fixture
def vendor(db: None, now: datetime) -> Vendor:
    return a_vendor(now=now)


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    couple = a_couple(vendor, now=now, fields={"dog": "Bica"})
    tag_add(client=couple, name="vip", now=now, actor=ACTOR)
    return couple


@pytest.mark.parametrize(
    "reads",
    [None, frozenset(), frozenset({"client.status"}), frozenset({"client.tags", "vendor.name"})]
    + [
        frozenset({path})
        for path in ("client", "wedding.anchors.booking", "people.partner_1.name", "wedding")
    ],
    ids=lambda reads: "everything" if reads is None else " and ".join(sorted(reads)) or "nothing",
)
def test_its_facts_are_those_of_many(
    vendor: Vendor, couple: Client, now: datetime, reads: frozenset[str] | None
) -> None:
    many = selectors.client_facts(client_ids=[couple.id], now=now, reads=reads)[couple.id]

    client, wedding = selectors.client_anew(client_id=couple.id, vendor=vendor, reads=reads)
    with CaptureQueriesContext(connection) as queries:
        one = selectors.facts_of(client=client, wedding=wedding, now=now, reads=reads)

    assert many == one
    assert not queries.captured_queries, "all that it looks at has been read"


def test_the_wedding_is_the_newest_that_is_not_cancelled(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    def chosen() -> tuple[Wedding | None, Wedding | None]:
        fresh = Client.objects.get(id=couple.id)
        return selectors.client_anew(client_id=couple.id, vendor=vendor)[1], selectors.main_wedding(fresh)

    first = couple.weddings.get()
    second = wedding_add(
        client=couple,
        data=WeddingData(date=(now + timedelta(days=300)).date(), time_zone="Europe/Lisbon"),
        stakeholders=[],
        now=now,
        actor=ACTOR,
    )
    assert (second, second) == chosen()
    Wedding.objects.filter(id=second.id).update(status=Wedding.Status.CANCELLED)
    assert (first, first) == chosen()
    Wedding.objects.update(status=Wedding.Status.CANCELLED)
    assert (second, second) == chosen()
    Wedding.objects.all().delete()
    assert (None, None) == chosen()


def test_what_the_caller_holds_may_be_older(vendor: Vendor, couple: Client, now: datetime) -> None:
    client_change(client=Client.objects.get(id=couple.id), status="done", now=now, actor=ACTOR)
    Vendor.objects.update(name="Sol & Sal")

    client, _ = selectors.client_anew(
        client_id=couple.id, vendor=vendor, reads=frozenset({"client.status", "vendor.name"})
    )

    assert ("booked", "Luz & Linho") == (couple.status, vendor.name)
    assert ("done", "Sol & Sal") == (client.status, client.vendor.name)


def test_another_vendors_client_is_not_there(couple: Client, now: datetime) -> None:
    with pytest.raises(Client.DoesNotExist):
        selectors.client_anew(client_id=couple.id, vendor=a_vendor(now=now))
