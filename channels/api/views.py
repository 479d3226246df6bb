"""The ledger of messages, to be read."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from channels.api.serializers import MessageDetail, MessageQuery, MessageWhole
from channels.models import Message
from channels.services.answers import answer_note
from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation

TAG = "Messages"
FILTERS = {
    "client_id": "client__public_id",
    "instance_id": "instance_ref",
    "channel": "channel",
    "status": "status",
    "delivery": "delivery",
}


class Messages(VendorView):
    """All messages of the vendor."""

    @operation("List messages", tag=TAG, answers=MessageDetail(many=True), query=MessageQuery)
    def get(self, request: Request) -> Response:
        """Newest first; filtered by client, instance, channel, status and delivery."""
        del request
        query = self.read_query(MessageQuery)
        rows = self.rows(Message).select_related("client").defer("body_text", "body_html")
        rows = rows.filter(**{FILTERS[name]: value for name, value in query.items()})
        return self.page(rows, MessageDetail)


class MessageView(VendorView):
    """One message."""

    @operation("Read a message", tag=TAG, answers=MessageWhole)
    def get(self, request: Request, message_id: str) -> Response:
        """With its text, and what the provider reported about it."""
        del request
        return self.write(self.one(self.rows(Message).select_related("client"), message_id), MessageWhole)


class MessageAnswered(VendorView):
    """Saying that a message was answered."""

    @operation("Note an answer", tag=TAG, takes=NoParameters, answers=MessageDetail)
    def post(self, request: Request, message_id: str) -> Response:
        """Let steps go on that wait for an answer: letters are answered to your own mailbox, which is not read here.

        A second call changes nothing. 409 `not_sent` for a message that has not gone out.
        """
        del request
        self.read_body(NoParameters)
        message = self.one(self.rows(Message).select_related("client"), message_id)
        return self.write(answer_note(message=message, now=self.now, actor=self.actor), MessageDetail)
