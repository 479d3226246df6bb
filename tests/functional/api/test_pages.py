"""Pages of lists."""

from __future__ import annotations

from typing import Any

from journeys.models import Client
from journeys.services.clients import client_add
from tests.functional.api.calling import WRITTEN, Caller


def add(api: Caller, count: int) -> list[str]:
    """Add clients and give their ids, newest first."""
    made = [
        client_add(vendor=api.vendor, display_name=f"Client {n}", now=WRITTEN, actor="test").public_id
        for n in range(count)
    ]
    return made[::-1]


def walk(api: Caller, path: str) -> list[list[str]]:
    pages: list[list[str]] = []
    after = ""
    while True:
        page: dict[str, Any] = api.get(f"{path}&after={after}" if after else path).json()
        pages.append([row["id"] for row in page["results"]])
        if page["next"] is None:
            return pages
        after = page["next"]


def test_pages_hold_every_row_once(api: Caller) -> None:
    ids = add(api, 7)

    assert walk(api, "/api/clients?limit=3") == [ids[:3], ids[3:6], ids[6:]]


def test_last_page_that_is_full_has_no_next(api: Caller) -> None:
    ids = add(api, 4)

    assert walk(api, "/api/clients?limit=2") == [ids[:2], ids[2:]]


def test_rows_added_meanwhile_shift_nothing(api: Caller) -> None:
    ids = add(api, 4)
    first = api.get("/api/clients?limit=2").json()
    add(api, 3)

    second = api.get(f"/api/clients?limit=2&after={first['next']}").json()

    assert [row["id"] for row in second["results"]] == ids[2:]


def test_fifty_is_a_page_when_nobody_says(api: Caller) -> None:
    add(api, 51)

    assert len(api.get("/api/clients").json()["results"]) == 50


def test_cursor_tells_no_number_and_fits_its_own_list_only(api: Caller) -> None:
    add(api, 2)
    cursor = api.get("/api/clients?limit=1").json()["next"]

    assert str(Client.objects.latest("id").pk) != cursor
    assert api.get(f"/api/journey-engine/executions?after={cursor}").status_code == 400
    assert api.get(f"/api/clients?after={cursor[:-4]}AAAA").status_code == 400
