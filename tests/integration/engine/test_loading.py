"""Loading by our own statement gives what Django's gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db.models import Model

from engine.models import Instance
from engine.services import loading
from journeys.models import Vendor
from tests.builders import a_couple, a_journey
from tests.drive import enter

pytestmark = pytest.mark.django_db(transaction=True)


def values(one: Model) -> dict[str, Any]:
    return {field.attname: getattr(one, field.attname) for field in one._meta.concrete_fields}


def test_all_is_read_as_django_reads_it(vendor: Vendor, now: datetime) -> None:
    journey = a_journey().condition("sure", "true").publish(vendor, now=now)
    couple = a_couple(vendor, now=now, fields={"letters": 3, "song": "Áfram"})
    ids = [
        enter(journey, couple, now=now).id,
        enter(journey, a_couple(vendor, now=now), now=now).id,
    ]
    Instance.objects.filter(id=ids[1]).update(wedding=None)

    loaded = loading.load([*ids, 0], with_client=True)

    assert set(ids) == set(loaded)
    for one in Instance.objects.select_related("vendor", "wedding", "client").in_bulk(ids).values():
        ours = loaded[one.id]
        assert Instance.client.is_cached(ours)
        for theirs, mine in ((one, ours), (one.vendor, ours.vendor), (one.client, ours.client)):
            assert values(theirs) == values(mine)
            assert (theirs._state.db, False) == (mine._state.db, mine._state.adding)
        assert (one.wedding and values(one.wedding)) == (ours.wedding and values(ours.wedding))
        assert ours.client.vendor is ours.vendor


def test_a_client_nobody_asks_for_is_left_out(
    vendor: Vendor, now: datetime, django_assert_num_queries: Any
) -> None:
    instance = enter(
        a_journey().condition("sure", "true").publish(vendor, now=now), a_couple(vendor, now=now), now=now
    )

    with django_assert_num_queries(1):
        loaded = loading.load([instance.id], with_client=False)[instance.id]

    assert not Instance.client.is_cached(loaded)
    assert (instance.vendor_id, instance.wedding_id) == (loaded.vendor.id, loaded.wedding.id)
