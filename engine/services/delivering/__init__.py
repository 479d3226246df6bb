"""Carry a step's messages to the provider: judged, approved, in the ledger first, called outside any transaction."""

from channels.services import sending
from engine.services.delivering.copies import Copy, copies_of, spec_of, wording_of
from engine.services.delivering.delivery import CALLS_BUDGET_SECONDS, DOUBT_EVERY, Delivery

__all__ = [
    "CALLS_BUDGET_SECONDS",
    "DOUBT_EVERY",
    "Copy",
    "Delivery",
    "copies_of",
    "sending",
    "spec_of",
    "wording_of",
]
