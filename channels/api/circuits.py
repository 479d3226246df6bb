"""Circuits, to be read and set: accounts of providers and services that webhooks call."""

from __future__ import annotations

from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from channels.api.serializers import CircuitDetail, CircuitQuery
from channels.models import Circuit
from channels.selectors import circuits_seen_by
from channels.services.circuits import circuit_set
from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation

TAG = "Circuits"


class Circuits(VendorView):
    """All circuits that the vendor may look at."""

    @operation("List circuits", tag=TAG, answers=CircuitDetail(many=True), query=CircuitQuery)
    def get(self, request: Request) -> Response:
        """Newest first; filtered by kind and state. What has never failed and was never set is not listed: it works."""
        del request
        return self.page(circuits_seen_by(self.vendor).filter(**self.read_query(CircuitQuery)), CircuitDetail)


class CircuitRows(VendorView):
    """Find one circuit."""

    def circuit(self, circuit_id: str) -> Circuit:
        """Return it.

        Raises:
            NotFound: there is none, or it is another vendor's.
        """
        found = circuits_seen_by(self.vendor).filter(public_id=circuit_id).first()
        if found is None:
            raise NotFound
        return found


class CircuitView(CircuitRows):
    """One circuit."""

    @operation("Read a circuit", tag=TAG, answers=CircuitDetail)
    def get(self, request: Request, circuit_id: str) -> Response:
        """Tell whether it lets anything through, and if not, why and until when."""
        del request
        return self.write(self.circuit(circuit_id), CircuitDetail)


class CircuitDeed(CircuitRows):
    """Setting a circuit by hand; each address names how."""

    owner_methods = ("POST",)
    forced: Circuit.Forced

    def carry_out(self, circuit_id: str) -> Response:
        """Set it and answer with how it is then.

        Raises:
            PermissionDenied: it is an account of the system's.
        """
        circuit = self.circuit(circuit_id)
        self.read_body(NoParameters)
        if circuit.vendor_id is None:
            raise PermissionDenied("Accounts of providers are the system's: its operators set them.")
        circuit = circuit_set(circuit=circuit, forced=self.forced, now=self.now, actor=self.actor)
        return self.write(circuit, CircuitDetail)


class CircuitOpen(CircuitDeed):
    """Letting nothing through."""

    forced = Circuit.Forced.OPEN

    @operation("Stop calls to a service", tag=TAG, takes=None, answers=CircuitDetail)
    def post(self, request: Request, circuit_id: str) -> Response:
        """Let nothing through until it is reset: steps wait, none fails. 403 for an account of a provider."""
        del request
        return self.carry_out(circuit_id)


class CircuitClose(CircuitDeed):
    """Letting everything through."""

    forced = Circuit.Forced.CLOSED

    @operation("Let calls through whatever happens", tag=TAG, takes=None, answers=CircuitDetail)
    def post(self, request: Request, circuit_id: str) -> Response:
        """Let everything through until it is reset, however much fails; what waited comes back within two minutes."""
        del request
        return self.carry_out(circuit_id)


class CircuitReset(CircuitDeed):
    """Giving a circuit back to itself."""

    forced = Circuit.Forced.NO

    @operation("Let a circuit look after itself", tag=TAG, takes=None, answers=CircuitDetail)
    def post(self, request: Request, circuit_id: str) -> Response:
        """Begin anew, closed: failures open it again. What waited comes back within two minutes."""
        del request
        return self.carry_out(circuit_id)
