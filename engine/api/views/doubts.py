"""Messages in doubt: listed, and settled by a person."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from channels.api.serializers import MessageDetail
from channels.models import Message
from engine.api.serializers.doubts import DoubtDetail, DoubtQuery, DoubtSettleInput
from engine.services.doubts import doubt_settle, doubts_of, open_doubts
from journeys.api.base import VendorView
from journeys.api.schema import operation

TAG = "Messages"


class Doubts(VendorView):
    """All messages of the vendor of which nobody knows whether they went out."""

    @operation("List messages in doubt", tag=TAG, answers=DoubtDetail(many=True), query=DoubtQuery)
    def get(self, request: Request) -> Response:
        """Newest first, with what is being done about each, when, and who decides."""
        del request
        query = self.read_query(DoubtQuery)
        rows = (
            open_doubts(self.vendor).select_related("client").defer("body_text", "body_html", "attachments")
        )
        paginator = self.pagination_class()
        found = paginator.paginate_queryset(rows.filter(**query), self.request, view=self)
        return paginator.get_paginated_response(DoubtDetail(doubts_of(found), many=True).data)


class MessageSettle(VendorView):
    """A person's word about one of them."""

    @operation(
        "Settle a message in doubt",
        tag=TAG,
        takes=DoubtSettleInput,
        answers=MessageDetail,
        example={"sent": True},
    )
    def post(self, request: Request, message_id: str) -> Response:
        """Say that it was sent, or that it was not and is to be sent again; its step goes on at once.

        409 `settled` when it is known by now, `moved_on` when its step was left and could not send it again.
        """
        del request
        message = self.one(self.rows(Message).select_related("client", "vendor"), message_id)
        sent = self.read_body(DoubtSettleInput)["sent"]
        doubt_settle(message=message, sent=sent, now=self.now, actor=self.actor)
        return self.write(self.one(self.rows(Message).select_related("client"), message_id), MessageDetail)
