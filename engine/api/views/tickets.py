"""Tickets and errors: what went wrong, and what needs a person."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.running import ErrorDetail, ErrorQuery
from engine.api.serializers.tickets import (
    TicketAssignInput,
    TicketDetail,
    TicketEditInput,
    TicketLineDetail,
    TicketLineQuery,
    TicketQuery,
    TicketWorked,
    TicketWorkInput,
)
from engine.models import ErrorLog, Instance, InterventionTicket, TicketLine
from engine.selectors_tickets import counted
from engine.services.correcting import Correction, ticket_edit_and_retry
from engine.services.tickets import DEEDS, Worked, ticket_assign, ticket_work
from journeys.api.base import VendorView
from journeys.api.schema import operation
from journeys.errors import Invalid

TAG = "Tickets and errors"


class TicketRows(VendorView):
    """Give tickets with everything that their answer shows."""

    def tickets(self) -> QuerySet[InterventionTicket]:
        """Return the vendor's tickets."""
        return counted(self.rows(InterventionTicket))

    def answer(self, ticket_id: str, worked: Worked) -> Response:
        """Answer with what became of the ticket's lines."""
        ticket = self.one(self.tickets(), ticket_id)
        ticket.work = {  # type: ignore[attr-defined]
            "done": worked.done,
            "refused": [{"line_id": key, "message": text} for key, text in worked.refused.items()],
            "left": worked.left,
        }
        return self.write(ticket, TicketWorked)


class Tickets(TicketRows):
    """All tickets of the vendor."""

    @operation("List tickets", tag=TAG, answers=TicketDetail(many=True), query=TicketQuery)
    def get(self, request: Request) -> Response:
        """Newest first; filtered by status, level, code, instance and who works them."""
        del request
        query = self.read_query(TicketQuery)
        tickets = self.tickets()
        if "instance_id" in query:
            instance = self.rows(Instance).filter(public_id=query.pop("instance_id"))
            tickets = tickets.filter(
                id__in=TicketLine.objects.filter(instance__in=instance).values("ticket_id")
            )
        return self.page(tickets.filter(**query), TicketDetail)


class TicketView(TicketRows):
    """One ticket."""

    @operation("Read a ticket", tag=TAG, answers=TicketDetail)
    def get(self, request: Request, ticket_id: str) -> Response:
        """Tell what happened, what is safe, what to do, and how many steps it has stopped."""
        del request
        return self.write(self.one(self.tickets(), ticket_id), TicketDetail)


class TicketLines(TicketRows):
    """The steps that a ticket's cause has stopped."""

    @operation("List a ticket's lines", tag=TAG, answers=TicketLineDetail(many=True), query=TicketLineQuery)
    def get(self, request: Request, ticket_id: str) -> Response:
        """Newest first; filtered by status and instance."""
        del request
        query = self.read_query(TicketLineQuery)
        if "instance_id" in query:
            query["instance__public_id"] = query.pop("instance_id")
        lines = self.rows(TicketLine).filter(ticket=self.one(InterventionTicket, ticket_id), **query)
        return self.page(
            lines.select_related("ticket", "instance__client", "instance__journey"), TicketLineDetail
        )


class TicketDeed(TicketRows):
    """A decision about the lines of a ticket; each address names which."""

    deed: str

    def carry_out(self, ticket_id: str) -> Response:
        """Carry it out and tell what became of the lines."""
        ticket = self.one(InterventionTicket, ticket_id)
        given = self.read_body(TicketWorkInput)
        worked = ticket_work(
            ticket=ticket,
            deed=DEEDS[self.deed],
            name=self.deed,
            line_ids=given.get("line_ids"),
            now=self.now,
            actor=self.actor,
        )
        return self.answer(ticket_id, worked)


class TicketRetry(TicketDeed):
    """Doing the steps again."""

    deed = "retry"

    @operation("Retry a ticket's steps", tag=TAG, takes=TicketWorkInput, answers=TicketWorked)
    def post(self, request: Request, ticket_id: str) -> Response:
        """Do its steps again at once, at most 500 in a request; `left` says how many remain.

        409 `resolved` when somebody settled the ticket before.
        """
        del request
        return self.carry_out(ticket_id)


class TicketSkip(TicketDeed):
    """Leaving the steps out."""

    deed = "skip"

    @operation("Skip a ticket's steps", tag=TAG, takes=TicketWorkInput, answers=TicketWorked)
    def post(self, request: Request, ticket_id: str) -> Response:
        """Leave its steps undone and go on with what follows them. 409 `resolved` as above."""
        del request
        return self.carry_out(ticket_id)


class TicketCancel(TicketDeed):
    """Ending the journeys of its lines."""

    deed = "cancel"

    @operation("Cancel a ticket's instances", tag=TAG, takes=TicketWorkInput, answers=TicketWorked)
    def post(self, request: Request, ticket_id: str) -> Response:
        """End the journeys that it has stopped. 409 `resolved` as above."""
        del request
        return self.carry_out(ticket_id)


class TicketResend(TicketDeed):
    """Sending refused and doubtful messages again."""

    deed = "resend"

    @operation("Send a ticket's messages again", tag=TAG, takes=TicketWorkInput, answers=TicketWorked)
    def post(self, request: Request, ticket_id: str) -> Response:
        """Send the messages of its steps again that were refused, or that nobody knows about.

        Whoever asks for it takes upon them that somebody gets a doubtful message twice. 409 `nothing_to_resend` when
        there is no such message.
        """
        del request
        return self.carry_out(ticket_id)


class TicketMarkSent(TicketDeed):
    """Taking doubtful messages as sent."""

    deed = "mark_sent"

    @operation("Mark a ticket's messages as sent", tag=TAG, takes=TicketWorkInput, answers=TicketWorked)
    def post(self, request: Request, ticket_id: str) -> Response:
        """Take the messages in doubt of its steps as sent and go on. 409 `nothing_in_doubt` when there is none."""
        del request
        return self.carry_out(ticket_id)


class TicketEditAndRetry(TicketRows):
    """Putting data right and doing the steps again."""

    @operation("Put data right and retry", tag=TAG, takes=TicketEditInput, answers=TicketWorked)
    def post(self, request: Request, ticket_id: str) -> Response:
        """Write the right address, fields or variables, then do the steps again; for lines of one client.

        409 `several_clients` when the lines are of more than one: name those of one in `line_ids`.
        """
        del request
        ticket = self.one(InterventionTicket, ticket_id)
        given = self.read_body(TicketEditInput)
        worked = ticket_edit_and_retry(
            ticket=ticket,
            correction=correction_of(given),
            line_ids=given.get("line_ids"),
            now=self.now,
            actor=self.actor,
        )
        return self.answer(ticket_id, worked)


def correction_of(given: dict[str, Any]) -> Correction:
    """Read a correction from the values of a request."""
    return Correction(
        email=given.get("email"),
        phone=given.get("phone"),
        role=given["role"],
        fields=given["fields"],
        variables=given["variables"],
    )


class TicketAssign(TicketRows):
    """Who works a ticket."""

    @operation("Assign a ticket", tag=TAG, takes=TicketAssignInput, answers=TicketDetail)
    def post(self, request: Request, ticket_id: str) -> Response:
        """Give the ticket to somebody who works for the vendor, or to nobody."""
        del request
        ticket = self.one(InterventionTicket, ticket_id)
        number = self.read_body(TicketAssignInput)["user_id"]
        user = get_user_model().objects.filter(pk=number).first() if number else None
        if number and user is None:
            raise Invalid("This person does not work for the vendor.", code="not_a_member")
        ticket_assign(ticket=ticket, user=user, now=self.now, actor=self.actor)
        return self.write(self.one(self.tickets(), ticket_id), TicketDetail)


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
