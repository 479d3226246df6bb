"""Email addresses and phone numbers: how they are found again, and how little of them is shown."""

from __future__ import annotations

from journeys.encryption import blind_index


def index_of(address: str) -> str:
    """Give the blind index of an email address or phone number, however it is written; "" for none."""
    return blind_index(address.strip().lower())


def masked(address: str) -> str:
    """Hide an address from whoever else sees the page: `a…@example.com`, `…4567`."""
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}…@{domain}" if at else f"…{address[-4:]}"
