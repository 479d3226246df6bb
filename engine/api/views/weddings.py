"""Moving weddings and their other dates, with a look beforehand and a way back."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.weddings import (
    AnchorInput,
    AnchorsAnswer,
    DryRun,
    DryRunQuery,
    MoveDetail,
    RescheduleAnswer,
    RescheduleInput,
    UndoInput,
)
from engine.models import WeddingMove
from engine.services import rescheduling
from engine.services.rescheduling import Rescheduled
from journeys import selectors
from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation
from journeys.models import Wedding

TAG = "Weddings"


class WeddingDates(VendorView):
    """Find the wedding, and answer with what a change of its dates does."""

    def wedding(self, wedding_id: str) -> Wedding:
        """Find one of the vendor's weddings."""
        rows = self.rows(Wedding).select_related("client", "vendor")
        return self.one(rows, wedding_id)

    def told(self, result: Rescheduled, *, dry_run: bool) -> Response:
        """Answer with the wedding and what the change does."""
        context = {"report": result.report, "move": result.move, "dry_run": dry_run}
        return self.write(result.wedding, RescheduleAnswer, context=context)


class WeddingRescheduleView(WeddingDates):
    """Moving one wedding."""

    @operation(
        "Move a wedding",
        tag=TAG,
        takes=RescheduleInput,
        answers=RescheduleAnswer,
        example={
            "date": "2027-09-18",
            "time": "16:00",
            "time_zone": "Europe/Lisbon",
            "dry_run": True,
            "choices": {"all": "skip"},
        },
    )
    def post(self, request: Request, wedding_id: str) -> Response:
        """Move it, and every step that hangs on it, in one transaction; a date of null parks those steps.

        `change` tells what moves and to when, what is past then and what becomes of it, what went out already, what
        is under way, which journeys start by the date, and which begin or end with the change. With `dry_run` it
        tells the same and changes nothing. The same request again moves nothing more.
        """
        del request
        wedding = self.wedding(wedding_id)
        data = self.read_body(RescheduleInput)
        result = rescheduling.reschedule(wedding=wedding, **data, now=self.now, actor=self.actor)
        return self.told(result, dry_run=data["dry_run"])


class WeddingUndoView(WeddingDates):
    """Taking a change of dates back."""

    @operation(
        "Take back the newest change of a wedding's dates",
        tag=TAG,
        takes=UndoInput,
        answers=RescheduleAnswer,
        example={"dry_run": True},
    )
    def post(self, request: Request, wedding_id: str) -> Response:
        """Put the former dates back, with everything computed anew; `change.stays_done` names what can not be undone.

        409: there is nothing to take back (`nothing_to_undo`), it was taken back (`already_undone`), another change
        came after it (`newer_move`), or the wedding is cancelled (`cannot_undo`).
        """
        del request
        wedding = self.wedding(wedding_id)
        data = self.read_body(UndoInput)
        result = rescheduling.undo(
            wedding=wedding,
            move_ref=data.get("move_id"),
            dry_run=data["dry_run"],
            now=self.now,
            actor=self.actor,
        )
        return self.told(result, dry_run=data["dry_run"])


class WeddingCancelView(WeddingDates):
    """Cancelling one wedding."""

    @operation("Cancel a wedding", tag=TAG, takes=DryRun, answers=RescheduleAnswer, example={"dry_run": True})
    def post(self, request: Request, wedding_id: str) -> Response:
        """Write down that it will not take place; its journeys end, unless they say that they go on.

        Journeys that start when a wedding is cancelled begin with it. It can not be taken back: add a new wedding.
        """
        del request
        wedding = self.wedding(wedding_id)
        dry_run = self.read_body(DryRun)["dry_run"]
        result = rescheduling.cancel(wedding=wedding, dry_run=dry_run, now=self.now, actor=self.actor)
        return self.told(result, dry_run=dry_run)


class WeddingMoves(WeddingDates):
    """What happened to a wedding's dates."""

    @operation(
        "List the changes of a wedding's dates", tag=TAG, answers=MoveDetail(many=True), query=NoParameters
    )
    def get(self, request: Request, wedding_id: str) -> Response:
        """Newest first, each with the steps that moved with it."""
        del request
        wedding = self.wedding(wedding_id)
        self.read_query(NoParameters)
        return self.page(self.rows(WeddingMove).filter(wedding=wedding).select_related("undoes"), MoveDetail)


class WeddingAnchors(WeddingDates):
    """All dates of one wedding."""

    @operation("List a wedding's dates", tag=TAG, answers=AnchorsAnswer, query=NoParameters)
    def get(self, request: Request, wedding_id: str) -> Response:
        """Give the day itself, the dates written down, and those that follow from them by the vendor's settings."""
        del request
        wedding = self.wedding(wedding_id)
        self.read_query(NoParameters)
        own = {anchor.name for anchor in wedding.anchors.all()} | {"wedding"}
        moments = selectors.calendar_of(wedding, wedding.vendor).anchors
        rows = [
            {
                "name": name,
                "date": one.day,
                "time": one.at,
                "time_zone": one.zone,
                "derived": name not in own,
            }
            for name, one in sorted(moments.items(), key=lambda item: (item[1].day, item[0]))
        ]
        return self.write({"anchors": rows}, AnchorsAnswer)


class WeddingAnchor(WeddingDates):
    """One of a wedding's other dates."""

    @operation(
        "Set one of a wedding's dates",
        tag=TAG,
        takes=AnchorInput,
        answers=RescheduleAnswer,
        example={"date": "2027-07-24", "dry_run": True},
    )
    def put(self, request: Request, wedding_id: str, anchor: str) -> Response:
        """Set or move it; the steps that hang on it follow, and `change` tells which. `dry_run` only tells.

        The wedding's own date is moved with `reschedule`.
        """
        del request
        wedding = self.wedding(wedding_id)
        data = self.read_body(AnchorInput)
        result = rescheduling.reschedule_anchor(
            wedding=wedding, name=anchor, **data, now=self.now, actor=self.actor
        )
        return self.told(result, dry_run=data["dry_run"])

    @operation("Take one of a wedding's dates away", tag=TAG, answers=RescheduleAnswer, query=DryRunQuery)
    def delete(self, request: Request, wedding_id: str, anchor: str) -> Response:
        """Take it away; what hangs on it is parked, or follows the date that the vendor's settings derive."""
        del request
        wedding = self.wedding(wedding_id)
        dry_run = self.read_query(DryRunQuery)["dry_run"]
        result = rescheduling.reschedule_anchor(
            wedding=wedding, name=anchor, date=None, dry_run=dry_run, now=self.now, actor=self.actor
        )
        return self.told(result, dry_run=dry_run)
