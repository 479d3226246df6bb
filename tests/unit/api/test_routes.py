"""Addresses work with and without a final slash."""

from __future__ import annotations

import pytest
from django.urls import Resolver404, get_resolver, resolve, reverse


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/journeys", "journeys"),
        ("/api/journeys/", "journeys"),
        ("/api/journeys/jrn_7Qh2", "journey"),
        ("/api/journeys/jrn_7Qh2/", "journey"),
        ("/api/journeys/trigger", "events"),
        ("/api/journey-engine/instances/bulk/", "instances-bulk"),
    ],
)
def test_address_is_found(path: str, name: str) -> None:
    assert resolve(path).url_name == name


@pytest.mark.parametrize(
    "path",
    ["/api/journeys//", "/api/journeys/7", "/api/journeys/jrn_", "/api/journeys/jrn_a b", "/api/clients/x"],
)
def test_other_addresses_are_not_found(path: str) -> None:
    with pytest.raises(Resolver404):
        resolve(path)


def test_names_give_addresses_without_a_final_slash() -> None:
    assert reverse("journey", kwargs={"journey_id": "jrn_7Qh2"}) == "/api/journeys/jrn_7Qh2"
    assert get_resolver() is not None
