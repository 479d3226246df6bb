"""Tickets and errors: what went wrong, and what needs a person."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.running import ErrorDetail, ErrorQuery, TicketDetail, TicketQuery
from engine.models import ErrorLog, Instance, InterventionTicket
from engine.services.tickets import ticket_cancel, ticket_retry, ticket_skip
from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation

TAG = "Tickets and errors"
DEEDS: dict[str, Callable[..., InterventionTicket]] = {
    "retry": ticket_retry,
    "skip": ticket_skip,
    "cancel": ticket_cancel,
}


class TicketRows(VendorView):
    """Give tickets with everything that their answer shows."""

    def tickets(self) -> QuerySet[InterventionTicket]:
        """Return the vendor's tickets."""
        return self.rows(InterventionTicket).select_related("instance__client")


class Tickets(TicketRows):
    """All tickets of the vendor."""

    @operation("List tickets", tag=TAG, answers=TicketDetail(many=True), query=TicketQuery)
    def get(self, request: Request) -> Response:
        """Newest first; filtered by status, level and instance."""
        del request
        query = self.read_query(TicketQuery)
        if "instance_id" in query:
            query["instance__public_id"] = query.pop("instance_id")
        return self.page(self.tickets().filter(**query), TicketDetail)


class TicketView(TicketRows):
    """One ticket."""

    @operation("Read a ticket", tag=TAG, answers=TicketDetail)
    def get(self, request: Request, ticket_id: str) -> Response:
        """Tell what happened, what is safe, and what to do."""
        del request
        return self.write(self.one(self.tickets(), ticket_id), TicketDetail)


class TicketDeed(TicketRows):
    """A decision about one ticket; each address names which."""

    deed: str

    def carry_out(self, ticket_id: str) -> Response:
        """Carry it out and answer with the ticket."""
        ticket = self.one(InterventionTicket, ticket_id)
        self.read_body(NoParameters)
        DEEDS[self.deed](ticket=ticket, now=self.now, actor=self.actor)
        return self.write(self.one(self.tickets(), ticket_id), TicketDetail)


class TicketRetry(TicketDeed):
    """Doing the step again."""

    deed = "retry"

    @operation("Retry a ticket's step", tag=TAG, takes=None, answers=TicketDetail)
    def post(self, request: Request, ticket_id: str) -> Response:
        """Do the step again at once. 409 `resolved` when somebody settled the ticket before."""
        del request
        return self.carry_out(ticket_id)


class TicketSkip(TicketDeed):
    """Leaving the step out."""

    deed = "skip"

    @operation("Skip a ticket's step", tag=TAG, takes=None, answers=TicketDetail)
    def post(self, request: Request, ticket_id: str) -> Response:
        """Leave the step undone and go on with what follows it. 409 `resolved` as above."""
        del request
        return self.carry_out(ticket_id)


class TicketCancel(TicketDeed):
    """Ending the journey for this client."""

    deed = "cancel"

    @operation("Cancel a ticket's instance", tag=TAG, takes=None, answers=TicketDetail)
    def post(self, request: Request, ticket_id: str) -> Response:
        """End the journey for this client. 409 `resolved` as above."""
        del request
        return self.carry_out(ticket_id)


class Errors(VendorView):
    """All failures of the vendor's steps."""

    keyset = ("at", "id")

    @operation("List errors", tag=TAG, answers=ErrorDetail(many=True), query=ErrorQuery)
    def get(self, request: Request) -> Response:
        """Newest first; filtered by class, code and instance."""
        del request
        query = self.read_query(ErrorQuery)
        if "instance_id" in query:
            query["instance"] = self.one(Instance, query.pop("instance_id"))
        return self.page(self.rows(ErrorLog).select_related("instance").filter(**query), ErrorDetail)
