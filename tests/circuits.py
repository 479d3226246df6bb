"""Circuits in tests."""

from __future__ import annotations

from datetime import datetime

from channels.contract import Sign
from channels.models import Circuit
from channels.services import circuits
from journeys.models import Vendor


def a_circuit(vendor: Vendor, *, now: datetime, host: str = "api.example.com") -> Circuit:
    """Open the circuit of a service that a vendor's webhooks call."""
    line = circuits.host_of(vendor, host, went_well=lambda _since: 0)
    circuits.heard(line, Sign.BROKEN, code="http_503", reason="The service answered 503.", now=now)
    return Circuit.objects.get(key=line.key)
