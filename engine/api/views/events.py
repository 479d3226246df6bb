"""Events: what happened, and what it started."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.running import EventDetail, EventInput, EventQuery
from engine.models import TriggerEvent
from engine.services.triggering import event_receive
from journeys.api.base import VendorView
from journeys.api.columns import Columns
from journeys.api.schema import operation
from journeys.fields import new_public_id
from journeys.models import Client

TAG = "Events"
EVENT = Columns(EventDetail, beside=("id",))
EXAMPLE = {
    "type": "payment_received",
    "event_id": "stripe-evt-81",
    "client_id": "cli_2u8Xw5mZb3cD4eF6gH7jKL",
    "topic": "deposit",
    "payload": {"amount": 600, "currency": "EUR"},
    "occurred_at": "2027-04-14T09:00:00Z",
}


class Events(VendorView):
    """All events of the vendor."""

    @operation("List events", tag=TAG, answers=EventDetail(many=True), query=EventQuery)
    def get(self, request: Request) -> Response:
        """Newest first, each with what it started and why it did not start more."""
        del request
        query = self.read_query(EventQuery)
        if "client_id" in query:
            query["client__public_id"] = query.pop("client_id")
        rows = EVENT.of(self.rows(TriggerEvent).filter(**query))
        return self.page_written(rows, lambda found: [EVENT.write(row) for row in found])

    @operation("Report an event", tag=TAG, takes=EventInput, answers=EventDetail, status=201, example=EXAMPLE)
    def post(self, request: Request) -> Response:
        """Store an event and start what it starts. The same `event_id` again starts nothing and answers 200."""
        del request
        data = self.read_body(EventInput)
        event = event_receive(
            vendor=self.vendor,
            client=self.one(Client, data.pop("client_id")),
            event_id=data.pop("event_id", None) or new_public_id("own"),
            now=self.now,
            actor=self.actor,
            **data,
        )
        return self.write(event, EventDetail, status=201 if event.received_at == self.now else 200)
