"""Journeys: drafts that are edited, versions that are published."""

from __future__ import annotations

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation
from journeys.api.serializers.journeys import (
    JourneyChange,
    JourneyCreate,
    JourneyDetail,
    JourneyDuplicate,
    JourneyQuery,
    JourneyReplace,
    JourneySummary,
    JourneyValidate,
    Validation,
    VersionDetail,
    VersionSummary,
)
from journeys.api.strict import StrictSerializer
from journeys.models import Journey, Version
from journeys.services.journeys import (
    journey_archive,
    journey_change_draft,
    journey_create,
    journey_duplicate,
)
from journeys.services.other_journeys import problems_with_others
from journeys.validation import graph_of, problems_of

TAG = "Journeys"
DEFINITION = {
    "schema_version": 1,
    "parameters": {"timeline": {"kind": "offset", "value": "-30d", "label": "Timeline", "help": ""}},
    "variables": {},
    "nodes": [
        {
            "id": "start",
            "type": "start",
            "name": "Booked",
            "settings": {
                "trigger": {"type": "client_added", "settings": {}, "where": "client.status == 'booked'"}
            },
        },
        {
            "id": "timeline",
            "type": "email",
            "name": "Timeline",
            "settings": {
                "when": {"kind": "anchor", "anchor": "wedding", "offset": "$timeline", "at": "09:00"},
                "late": {"rule": "within", "hours": 72},
                "to": ["couple"],
                "subject": "The plan for your day",
                "body": "Dear {{ recipient.first_name | default: 'both' }}, here is the plan.",
            },
        },
        {"id": "done", "type": "end", "name": "End", "settings": {}},
    ],
    "edges": [
        {"from": "start", "port": "next", "to": "timeline"},
        {"from": "timeline", "port": "next", "to": "done"},
    ],
}
EXAMPLE = {"name": "Full service", "re_entry": "once", "definition": DEFINITION}


class Journeys(VendorView):
    """All journeys of the vendor."""

    @operation("List journeys", tag=TAG, answers=JourneySummary(many=True), query=JourneyQuery)
    def get(self, request: Request) -> Response:
        """Newest first, without their drafts; filtered by status."""
        del request
        query = self.read_query(JourneyQuery)
        rows = self.rows(Journey).select_related("current_version")
        return self.page(rows.filter(**query), JourneySummary)

    @operation(
        "Create a journey", tag=TAG, takes=JourneyCreate, answers=JourneyDetail, status=201, example=EXAMPLE
    )
    def post(self, request: Request) -> Response:
        """Begin a draft, which may be unfinished; without a definition it is an empty one, started by hand."""
        del request
        data = self.read_body(JourneyCreate)
        journey = journey_create(vendor=self.vendor, now=self.now, actor=self.actor, **data)
        return self.write(journey, JourneyDetail, status=201)


class OneJourney(VendorView):
    """Find the journey that the address names."""

    def journey(self, journey_id: str) -> Journey:
        """Return the vendor's journey of this id."""
        return self.one(self.rows(Journey).select_related("current_version", "vendor"), journey_id)


class JourneyView(OneJourney):
    """One journey."""

    @operation("Read a journey", tag=TAG, answers=JourneyDetail)
    def get(self, request: Request, journey_id: str) -> Response:
        """With its draft as `definition`, and the `revision` that a change must name."""
        del request
        return self.write(self.journey(journey_id), JourneyDetail)

    @operation("Replace a journey's draft", tag=TAG, takes=JourneyReplace, answers=JourneyDetail)
    def put(self, request: Request, journey_id: str) -> Response:
        """Replace name and draft; 409 `revision_conflict` when somebody changed it meanwhile."""
        del request
        return self._change(journey_id, JourneyReplace)

    @operation("Change a journey", tag=TAG, takes=JourneyChange, answers=JourneyDetail)
    def patch(self, request: Request, journey_id: str) -> Response:
        """Change what is given; 409 `revision_conflict` when somebody changed it meanwhile.

        Couples inside keep the version they are in.
        """
        del request
        return self._change(journey_id, JourneyChange)

    @operation("Archive a journey", tag=TAG, status=204)
    def delete(self, request: Request, journey_id: str) -> Response:
        """Let nobody new enter it; couples inside go on. A second time changes nothing."""
        del request
        journey_archive(journey=self.journey(journey_id), now=self.now, actor=self.actor)
        return Response(status=204)

    def _change(self, journey_id: str, reader: type[StrictSerializer]) -> Response:
        journey = self.journey(journey_id)
        data = self.read_body(reader)
        changed = journey_change_draft(
            journey=journey,
            expected_revision=data.pop("revision"),
            now=self.now,
            actor=self.actor,
            **data,
        )
        return self.write(changed, JourneyDetail)


class JourneyValidateView(OneJourney):
    """Checking one journey."""

    @operation("Check a journey", tag=TAG, takes=JourneyValidate, answers=Validation)
    def post(self, request: Request, journey_id: str) -> Response:
        """Name everything that keeps the draft, or the definition in the body, from being published."""
        del request
        journey = self.journey(journey_id)
        definition = self.read_body(JourneyValidate).get("definition", journey.draft)
        found = problems_of(definition) or problems_with_others(
            vendor=self.vendor, graph=graph_of(definition), own=journey.public_id
        )
        problems = [problem.as_dict() for problem in found]
        return Response({"valid": not problems, "problems": problems})


class JourneyDuplicateView(OneJourney):
    """Copying one journey."""

    @operation(
        "Duplicate a journey",
        tag=TAG,
        takes=JourneyDuplicate,
        answers=JourneyDetail,
        status=201,
        example={"name": "Full service, elopements"},
    )
    def post(self, request: Request, journey_id: str) -> Response:
        """Begin a new draft with what this one's draft says."""
        del request
        journey = self.journey(journey_id)
        data = self.read_body(JourneyDuplicate)
        copy = journey_duplicate(journey=journey, now=self.now, actor=self.actor, **data)
        return self.write(copy, JourneyDetail, status=201)


class JourneyVersions(OneJourney):
    """All versions of one journey."""

    @operation("List a journey's versions", tag=TAG, answers=VersionSummary(many=True), query=NoParameters)
    def get(self, request: Request, journey_id: str) -> Response:
        """Newest first, without their definitions."""
        del request
        self.read_query(NoParameters)
        journey = self.journey(journey_id)
        return self.page(self.rows(Version).filter(journey=journey), VersionSummary)


class JourneyVersion(OneJourney):
    """One version of one journey."""

    @operation("Read a version", tag=TAG, answers=VersionDetail)
    def get(self, request: Request, journey_id: str, number: int) -> Response:
        """With its definition, which never changes."""
        del request
        found = self.rows(Version).filter(journey=self.journey(journey_id), number=number).first()
        if found is None:
            raise NotFound
        return self.write(found, VersionDetail)
