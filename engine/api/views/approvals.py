"""Approvals: read what wants to go out, change its words, say yes or no."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.approvals import (
    ApprovalDetail,
    ApprovalEdit,
    ApprovalInput,
    ApprovalQuery,
    ApprovalsBulkInput,
    PrepareAnswer,
    PrepareInput,
    RejectionInput,
    edits_of,
)
from engine.api.serializers.running import BulkAnswer
from engine.models import Approval
from engine.services.approvals import (
    approval_approve,
    approval_edit,
    approval_reject,
    pending_approvals,
)
from engine.services.upcoming import approvals_prepare
from journeys.api.base import VendorView
from journeys.api.schema import operation
from journeys.errors import ServiceError

TAG = "Approvals"
EXAMPLE = {"copies": [{"role": "partner_1", "body": "Dear Ana, we start at **18:15**."}], "note": "Earlier"}


class ApprovalRows(VendorView):
    """Give approvals with everything that their answer shows."""

    def approvals(self) -> QuerySet[Approval]:
        """Return the vendor's approvals."""
        return self.rows(Approval).select_related("client", "journey", "instance")

    def detail(self, approval_id: str) -> Response:
        """Answer with one approval as it stands."""
        return self.write(self.one(self.approvals(), approval_id), ApprovalDetail)


class Approvals(ApprovalRows):
    """All approvals of the vendor."""

    @operation("List approvals", tag=TAG, answers=ApprovalDetail(many=True), query=ApprovalQuery)
    def get(self, request: Request) -> Response:
        """Newest first. `status=pending` gives what waits for a person: also what has expired and has a ticket."""
        del request
        query = self.read_query(ApprovalQuery)
        rows = self.approvals()
        if query.get("status") == Approval.Status.PENDING:
            query.pop("status")
            rows = rows.filter(pk__in=pending_approvals(self.vendor).values("pk"))
        for name in ("client", "journey", "instance"):
            if f"{name}_id" in query:
                query[f"{name}__public_id"] = query.pop(f"{name}_id")
        return self.page(rows.filter(**query), ApprovalDetail)


class ApprovalView(ApprovalRows):
    """One approval."""

    @operation("Read an approval", tag=TAG, answers=ApprovalDetail)
    def get(self, request: Request, approval_id: str) -> Response:
        """With every person's copy, word for word."""
        del request
        return self.detail(approval_id)

    @operation("Edit an approval", tag=TAG, takes=ApprovalEdit, answers=ApprovalDetail, example=EXAMPLE)
    def patch(self, request: Request, approval_id: str) -> Response:
        """Change the words; it goes on waiting. 409 `decided` or `moved_on` when it no longer waits."""
        del request
        approval = self.one(Approval, approval_id)
        data = self.read_body(ApprovalEdit)
        approval_edit(approval=approval, edits=edits_of(data["copies"]), now=self.now, actor=self.actor)
        return self.detail(approval_id)


class ApprovalApprove(ApprovalRows):
    """A yes."""

    @operation("Approve a message", tag=TAG, takes=ApprovalInput, answers=ApprovalDetail, example=EXAMPLE)
    def post(self, request: Request, approval_id: str) -> Response:
        """Let it go out in these words as soon as the rules let it. 409 as above."""
        del request
        approval = self.one(Approval, approval_id)
        data = self.read_body(ApprovalInput)
        approval_approve(
            approval=approval,
            edits=edits_of(data.get("copies", [])),
            note=data["note"],
            now=self.now,
            actor=self.actor,
        )
        return self.detail(approval_id)


class ApprovalReject(ApprovalRows):
    """A no."""

    @operation("Hold a message back", tag=TAG, takes=RejectionInput, answers=ApprovalDetail)
    def post(self, request: Request, approval_id: str) -> Response:
        """Leave the step out; the journey goes on. 409 as above."""
        del request
        approval = self.one(Approval, approval_id)
        note = self.read_body(RejectionInput)["note"]
        approval_reject(approval=approval, note=note, now=self.now, actor=self.actor)
        return self.detail(approval_id)


class ApprovalsPrepare(VendorView):
    """Asking ahead."""

    @operation(
        "Ask about coming messages now",
        tag=TAG,
        takes=PrepareInput,
        answers=PrepareAnswer,
        example={"days": 7},
    )
    def post(self, request: Request) -> Response:
        """Put what is due within so many days and needs a yes into the inbox already. A second call adds nothing."""
        del request
        days = self.read_body(PrepareInput)["days"]
        asked = approvals_prepare(vendor=self.vendor, days=days, now=self.now)
        return self.write({"asked": asked}, PrepareAnswer)


class ApprovalsBulk(VendorView):
    """Many approvals at once."""

    @operation(
        "Decide about many messages",
        tag=TAG,
        takes=ApprovalsBulkInput,
        answers=BulkAnswer,
        example={"action": "approve", "ids": ["apr_2u8Xw5mZb3cD4eF6gH7jKL"], "note": ""},
    )
    def post(self, request: Request) -> Response:
        """Approve or reject each in a transaction of its own, and tell what became of each."""
        del request
        data = self.read_body(ApprovalsBulkInput)
        ids = list(dict.fromkeys(data["ids"]))
        found = {row.public_id: row for row in self.rows(Approval).filter(public_id__in=ids)}
        return Response({"results": [self._one_result(name, found.get(name), data) for name in ids]})

    def _one_result(self, name: str, approval: Approval | None, data: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {"id": name, "ok": False, "status": None, "code": "", "message": ""}
        if approval is None:
            return result | {"code": "not_found", "message": "There is no such approval."}
        deed = approval_approve if data["action"] == "approve" else approval_reject
        try:
            changed = deed(approval=approval, note=data["note"], now=self.now, actor=self.actor)
        except ServiceError as error:
            return result | {"status": approval.status, "code": error.code, "message": error.message}
        return result | {"ok": True, "status": changed.status}
