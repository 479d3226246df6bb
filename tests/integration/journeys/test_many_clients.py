"""What is done to many clients at once is what would be done to each of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from journeys.errors import Invalid
from journeys.models import AuditRecord, Client, Vendor
from journeys.services import audit
from journeys.services.clients import tag_add, tags_add
from journeys.signals import client_changed
from tests.builders import ACTOR, a_couple, a_vendor

pytestmark = pytest.mark.django_db


@pytest.fixture
def couples(now: datetime) -> list[Client]:
    vendor = a_vendor(now=now)
    return [a_couple(vendor, now=now) for _ in range(4)]


@pytest.fixture
def told() -> Any:
    heard: list[list[int]] = []

    def hear(*, clients: list[Client], **_kwargs: Any) -> None:
        heard.append([one.id for one in clients])

    client_changed.connect(hear, weak=False)
    yield heard
    client_changed.disconnect(hear)


def trail(client: Client) -> list[tuple[str, str, dict[str, Any]]]:
    rows = AuditRecord.objects.filter(object_id=client.public_id, action="client.tag_added")
    return list(rows.values_list("actor", "action", "detail"))


def test_a_tag_is_put_on_all_that_do_not_have_it(
    couples: list[Client], now: datetime, told: list[list[int]]
) -> None:
    first, second, third, fourth = couples
    tag_add(client=second, name="vip", now=now, actor="user:1")
    told.clear()

    tags_add(
        clients=[(one, f"user:{one.id}") for one in (third, second, first, third)], name=" vip ", now=now
    )

    assert [["vip"]] * 3 + [[]] == [
        list(one.tags.values_list("name", flat=True)) for one in (first, second, third, fourth)
    ]
    assert [(f"user:{first.id}", "client.tag_added", {"tag": "vip"})] == trail(first)
    assert 1 == len(trail(second)) == len(trail(third))
    assert [[first.id, third.id]] == told


def test_a_second_call_tells_nobody(couples: list[Client], now: datetime, told: list[list[int]]) -> None:
    for _ in range(2):
        tags_add(clients=[(one, ACTOR) for one in couples], name="vip", now=now)

    assert 1 == len(told)


def test_clients_of_two_vendors_get_each_their_own_tag(couples: list[Client], now: datetime) -> None:
    other: Vendor = a_vendor(now=now, name="Other", email="other@example.com")
    stranger = a_couple(other, now=now)

    tags = tags_add(clients=[(couples[0], ACTOR), (stranger, ACTOR)], name="vip", now=now)

    assert {couples[0].vendor_id, other.id} == set(tags)
    assert [tags[other.id].id] == list(stranger.tags.values_list("id", flat=True))
    assert tags[couples[0].vendor_id].id != tags[other.id].id


def test_a_name_that_can_not_be_used_tags_nobody(couples: list[Client], now: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        tags_add(clients=[(one, ACTOR) for one in couples], name="x" * 61, now=now)

    assert "bad_tag" == refused.value.code


def test_one_deed_for_many_is_a_record_for_each(couples: list[Client], now: datetime) -> None:
    audit.record_all(
        [(one.vendor_id, f"user:{one.id}", one) for one in couples],
        action="client.seen",
        now=now,
        where="here",
    )

    rows = AuditRecord.objects.filter(action="client.seen").order_by("id")
    assert [one.public_id for one in couples] == [row.object_id for row in rows]
    assert [(f"user:{one.id}", {"where": "here"}, one.vendor_id) for one in couples] == list(
        rows.values_list("actor", "detail", "vendor_id")
    )
