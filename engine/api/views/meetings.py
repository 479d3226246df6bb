"""Meetings: what kinds there are, when there is time, and what is booked."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.meeting import (
    MeetingDetail,
    MeetingInput,
    MeetingMove,
    MeetingQuery,
    MeetingTypeChange,
    MeetingTypeDetail,
    MeetingTypeInput,
    Times,
    TimesQuery,
)
from engine.models import Meeting, MeetingNotice, MeetingType
from engine.services.free_times import free_times
from engine.services.meeting_types import meeting_type_add, meeting_type_change, meeting_type_remove
from engine.services.meetings import (
    Wishes,
    meeting_book,
    meeting_cancel,
    meeting_missed,
    meeting_move,
    roles_of,
)
from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation
from journeys.models import Client

TAG = "Meetings"
TYPE_EXAMPLE: dict[str, Any] = {
    "key": "final-call",
    "title": "Final call",
    "where": "By phone",
    "minutes": 30,
    "hours": {"tue": [["09:00", "12:00"], ["14:00", "17:00"]], "thu": [["09:00", "12:00"]]},
}
EXAMPLE = {
    "type_id": "mtt_2u8Xw5mZb3cD4eF6gH7jKL",
    "client_id": "cli_2u8Xw5mZb3cD4eF6gH7jKL",
    "starts_at": "2027-05-04T09:00:00Z",
    "reminders": ["1d"],
    "anchor": "final_call",
}


class MeetingTypes(VendorView):
    """All kinds of meetings of the vendor."""

    @operation("List kinds of meetings", tag=TAG, answers=MeetingTypeDetail(many=True))
    def get(self, request: Request) -> Response:
        """Newest first."""
        del request
        self.read_query(NoParameters)
        return self.page(self.rows(MeetingType), MeetingTypeDetail)

    @operation(
        "Offer a kind of meeting",
        tag=TAG,
        takes=MeetingTypeInput,
        answers=MeetingTypeDetail,
        status=201,
        example=TYPE_EXAMPLE,
    )
    def post(self, request: Request) -> Response:
        """Offer it in office hours, or in the hours given. 409 `duplicate_key`: there is one of this key."""
        del request
        data = self.read_body(MeetingTypeInput)
        kind = meeting_type_add(vendor=self.vendor, now=self.now, actor=self.actor, **data)
        return self.write(kind, MeetingTypeDetail, status=201)


class MeetingTypeView(VendorView):
    """One kind of meeting."""

    @operation("Read a kind of meeting", tag=TAG, answers=MeetingTypeDetail)
    def get(self, request: Request, meeting_type_id: str) -> Response:
        """With its hours."""
        del request
        return self.write(self.one(MeetingType, meeting_type_id), MeetingTypeDetail)

    @operation("Change a kind of meeting", tag=TAG, takes=MeetingTypeChange, answers=MeetingTypeDetail)
    def patch(self, request: Request, meeting_type_id: str) -> Response:
        """Change what is given; what is booked stays as it is."""
        del request
        kind = self.one(self.rows(MeetingType).select_related("vendor"), meeting_type_id)
        changed = meeting_type_change(
            meeting_type=kind, now=self.now, actor=self.actor, **self.read_body(MeetingTypeChange)
        )
        return self.write(changed, MeetingTypeDetail)

    @operation("Remove a kind of meeting", tag=TAG, status=204)
    def delete(self, request: Request, meeting_type_id: str) -> Response:
        """Remove one that was never booked. 409 `in_use`: switch it off instead."""
        del request
        kind = self.one(self.rows(MeetingType).select_related("vendor"), meeting_type_id)
        meeting_type_remove(meeting_type=kind, now=self.now, actor=self.actor)
        return Response(status=204)


class MeetingTypeTimes(VendorView):
    """Free times."""

    @operation("List free times", tag=TAG, answers=Times, query=TimesQuery)
    def get(self, request: Request, meeting_type_id: str) -> Response:
        """Give what can be booked now: open hours, less meetings, weddings and closed days."""
        del request
        kind = self.one(self.rows(MeetingType).select_related("vendor"), meeting_type_id)
        query = self.read_query(TimesQuery)
        times = free_times(kind, now=self.now, since=query.get("date_from"), until=query.get("date_to"))
        return self.write({"time_zone": kind.zone, "times": times}, Times)


class MeetingRows(VendorView):
    """Give meetings with everything that their answer shows, in a fixed number of queries."""

    def meetings(self) -> QuerySet[Meeting]:
        """Return the vendor's meetings."""
        letters = MeetingNotice.objects.order_by("due_at", "id")
        return (
            self.rows(Meeting)
            .select_related("vendor", "client__vendor", "wedding", "meeting_type__vendor")
            .prefetch_related(Prefetch("notices", queryset=letters))
        )

    def detail(self, meeting_id: str, *, status: int = 200) -> Response:
        """Answer with one meeting, whole."""
        return self.write(self.one(self.meetings(), meeting_id), MeetingDetail, status=status)


class Meetings(MeetingRows):
    """All meetings of the vendor."""

    @operation("List meetings", tag=TAG, answers=MeetingDetail(many=True), query=MeetingQuery)
    def get(self, request: Request) -> Response:
        """Newest first; filtered by status, client and start (both ends included)."""
        del request
        query = self.read_query(MeetingQuery)
        names = {
            "status": "status",
            "client_id": "client__public_id",
            "starts_from": "starts_at__gte",
            "starts_to": "starts_at__lte",
        }
        return self.page(
            self.meetings().filter(**{names[name]: value for name, value in query.items()}), MeetingDetail
        )

    @operation(
        "Book a meeting", tag=TAG, takes=MeetingInput, answers=MeetingDetail, status=201, example=EXAMPLE
    )
    def post(self, request: Request) -> Response:
        """Book it and send everybody an invitation.

        409 `slot_taken`: the time is not free; `wedding_cancelled`: there is nothing to meet for.
        """
        del request
        data = self.read_body(MeetingInput)
        wishes: dict[str, Any] = {
            name: data[name]
            for name in ("channel", "anchor", "time_zone", "message", "any_hour")
            if name in data
        }
        if "roles" in data:
            wishes["roles"] = roles_of(data["roles"])
        if "reminders" in data:
            wishes["reminders"] = tuple(data["reminders"])
        meeting = meeting_book(
            meeting_type=self.one(self.rows(MeetingType).select_related("vendor"), data["type_id"]),
            client=self.one(self.rows(Client).select_related("vendor"), data["client_id"]),
            starts_at=data["starts_at"],
            wishes=Wishes(**wishes),
            now=self.now,
            actor=self.actor,
        )
        return self.detail(meeting.public_id, status=201)


class MeetingView(MeetingRows):
    """One meeting."""

    @operation("Read a meeting", tag=TAG, answers=MeetingDetail)
    def get(self, request: Request, meeting_id: str) -> Response:
        """With the letters about it."""
        del request
        return self.detail(meeting_id)


class MeetingMoveView(MeetingRows):
    """Moving one meeting."""

    @operation("Move a meeting", tag=TAG, takes=MeetingMove, answers=MeetingDetail)
    def post(self, request: Request, meeting_id: str) -> Response:
        """Move it, the date that follows it, and the entry in everybody's calendar. Twice changes nothing."""
        del request
        meeting = self.one(self.meetings(), meeting_id)
        meeting_move(meeting=meeting, now=self.now, actor=self.actor, **self.read_body(MeetingMove))
        return self.detail(meeting_id)


class MeetingCancelView(MeetingRows):
    """Cancelling one meeting."""

    @operation("Cancel a meeting", tag=TAG, takes=NoParameters, answers=MeetingDetail)
    def post(self, request: Request, meeting_id: str) -> Response:
        """Give its time free and take the entry out of everybody's calendar. Twice changes nothing."""
        del request
        meeting = self.one(self.meetings(), meeting_id)
        self.read_body(NoParameters)
        meeting_cancel(meeting=meeting, now=self.now, actor=self.actor)
        return self.detail(meeting_id)


class MeetingMissedView(MeetingRows):
    """Saying that nobody came."""

    @operation("Mark a meeting as missed", tag=TAG, takes=NoParameters, answers=MeetingDetail)
    def post(self, request: Request, meeting_id: str) -> Response:
        """Say that nobody came. 409 `not_begun`: cancel it instead. Twice changes nothing."""
        del request
        meeting = self.one(self.meetings(), meeting_id)
        self.read_body(NoParameters)
        meeting_missed(meeting=meeting, now=self.now, actor=self.actor)
        return self.detail(meeting_id)
