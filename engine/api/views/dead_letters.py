"""Dead letters: read what broke for good, do it again, or discard it."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.dead_letters import (
    DeadLetterDetail,
    DeadLetterLine,
    DeadLetterQuery,
    DeadLettersBulkInput,
)
from engine.api.serializers.running import BulkAnswer
from engine.models import DeadLetter
from engine.services.dead_letters import DEEDS
from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation
from journeys.errors import ServiceError

TAG = "Dead letters"


class DeadLetters(VendorView):
    """All dead letters of the vendor."""

    @operation("List dead letters", tag=TAG, answers=DeadLetterLine(many=True), query=DeadLetterQuery)
    def get(self, request: Request) -> Response:
        """Newest first; filtered by kind and status. What broke by a fault of the system is kept here whole."""
        del request
        query = self.read_query(DeadLetterQuery)
        return self.page(self.rows(DeadLetter).defer("payload").filter(**query), DeadLetterLine)


class DeadLetterView(VendorView):
    """One dead letter."""

    @operation("Read a dead letter", tag=TAG, answers=DeadLetterDetail)
    def get(self, request: Request, dead_letter_id: str) -> Response:
        """With everything that it holds."""
        del request
        return self.write(self.one(DeadLetter, dead_letter_id), DeadLetterDetail)


class DeadLetterDeedView(VendorView):
    """A decision about one dead letter; each address names which."""

    deed: str

    def carry_out(self, dead_letter_id: str) -> Response:
        """Carry it out and answer with the letter."""
        letter = self.one(DeadLetter, dead_letter_id)
        self.read_body(NoParameters)
        changed = DEEDS[self.deed](letter=letter, now=self.now, actor=self.actor)
        return self.write(changed, DeadLetterDetail)


class DeadLetterReplay(DeadLetterDeedView):
    """Doing it again."""

    deed = "replay"

    @operation("Do a dead letter again", tag=TAG, takes=None, answers=DeadLetterDetail)
    def post(self, request: Request, dead_letter_id: str) -> Response:
        """Do again what broke. 409 `resolved` when it was settled before, `broke_again` when it broke once more."""
        del request
        return self.carry_out(dead_letter_id)


class DeadLetterDiscard(DeadLetterDeedView):
    """Leaving it undone."""

    deed = "discard"

    @operation("Discard a dead letter", tag=TAG, takes=None, answers=DeadLetterDetail)
    def post(self, request: Request, dead_letter_id: str) -> Response:
        """Leave it undone; it stays to be read. 409 `resolved` as above."""
        del request
        return self.carry_out(dead_letter_id)


class DeadLettersBulk(VendorView):
    """Many dead letters at once."""

    @operation(
        "Decide about many dead letters",
        tag=TAG,
        takes=DeadLettersBulkInput,
        answers=BulkAnswer,
        example={"action": "replay", "ids": ["ddl_2u8Xw5mZb3cD4eF6gH7jKL"]},
    )
    def post(self, request: Request) -> Response:
        """Do again or discard each in a transaction of its own, and tell what became of each."""
        del request
        data = self.read_body(DeadLettersBulkInput)
        ids = list(dict.fromkeys(data["ids"]))
        found = {row.public_id: row for row in self.rows(DeadLetter).filter(public_id__in=ids)}
        return Response({"results": [self._one_result(name, found.get(name), data) for name in ids]})

    def _one_result(self, name: str, letter: DeadLetter | None, data: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {"id": name, "ok": False, "status": None, "code": "", "message": ""}
        if letter is None:
            return result | {"code": "not_found", "message": "There is no such dead letter."}
        try:
            changed = DEEDS[data["action"]](letter=letter, now=self.now, actor=self.actor)
        except ServiceError as error:
            return result | {"status": letter.status, "code": error.code, "message": error.message}
        return result | {"ok": True, "status": changed.status}
