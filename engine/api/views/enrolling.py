"""Enrollments: many clients who are to enter one journey, and what a person may do with such a request."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.enrolling import EnrollmentDetail, EnrollmentInput, EnrollmentQuery, who_of
from engine.models import Enrollment
from engine.services.enrolling import carrying_out
from engine.services.enrolling.requests import (
    enrollment_begin,
    enrollment_cancel,
    enrollment_pause,
    enrollment_resume,
)
from journeys.api.base import NoParameters
from journeys.api.schema import operation
from journeys.api.views.journeys import OneJourney

TAG = "Enrollments"
EXAMPLE = {"tag": "season_2028", "variables": {}, "per_hour": 500, "dry_run": True}


class OneEnrollment(OneJourney):
    """Find the enrollment that the address names."""

    def enrollment(self, journey_id: str, enrollment_id: str) -> Enrollment:
        """Return the journey's enrollment of this id."""
        rows = self.rows(Enrollment).filter(journey=self.journey(journey_id))
        return self.one(rows.select_related("journey", "vendor"), enrollment_id)


class Enrollments(OneJourney):
    """All enrollments of one journey."""

    @operation(
        "List the enrollments of a journey",
        tag=TAG,
        answers=EnrollmentDetail(many=True),
        query=EnrollmentQuery,
    )
    def get(self, request: Request, journey_id: str) -> Response:
        """Newest first: who was asked to enter, how far that has come, and why some did not enter."""
        del request
        query = self.read_query(EnrollmentQuery)
        rows = self.rows(Enrollment).filter(journey=self.journey(journey_id), **query)
        return self.page(rows.select_related("journey"), EnrollmentDetail)

    @operation(
        "Enroll many clients",
        tag=TAG,
        takes=EnrollmentInput,
        answers=EnrollmentDetail,
        status=201,
        example=EXAMPLE,
    )
    def post(self, request: Request, journey_id: str) -> Response:
        """Let clients enter the journey: those you name, or those that fit a tag, a status or a condition.

        The first ones are decided before the answer, the rest in the background: read the enrollment. Each enters
        by the rules of a single start, and `refused` counts why others did not. Clients who come later are not meant.
        With `dry_run` nobody enters. 400: `nobody_named`, `unknown_client`, `bad_condition`, `missing_variable`.
        409 `not_published`.
        """
        del request
        journey = self.journey(journey_id)
        data = self.read_body(EnrollmentInput)
        enrollment = enrollment_begin(
            vendor=self.vendor,
            journey=journey,
            who=who_of(data),
            variables=data["variables"],
            per_hour=data.get("per_hour"),
            dry_run=data["dry_run"],
            now=self.now,
            actor=self.actor,
        )
        self._carry_on(enrollment)
        return self.write(enrollment, EnrollmentDetail, status=201)

    def _carry_on(self, enrollment: Enrollment) -> None:
        """Begin outside of the transaction that wrote the request down; the tick does the rest."""

        def carry_on() -> None:
            carrying_out.carry_on(enrollment=enrollment, now=self.now, chunks=1)

        if connection.in_atomic_block:
            transaction.on_commit(carry_on, robust=True)
        else:
            carry_on()


class EnrollmentView(OneEnrollment):
    """One enrollment."""

    @operation("Read an enrollment", tag=TAG, answers=EnrollmentDetail)
    def get(self, request: Request, journey_id: str, enrollment_id: str) -> Response:
        """With how many were looked at and entered, and why the others did not."""
        del request
        return self.write(self.enrollment(journey_id, enrollment_id), EnrollmentDetail)


class EnrollmentDeed(OneEnrollment):
    """Something a person does with one enrollment; each address names which."""

    deed: Callable[..., Enrollment]

    def carry_out(self, journey_id: str, enrollment_id: str) -> Response:
        """Do it and answer with how the enrollment stands then."""
        enrollment = self.enrollment(journey_id, enrollment_id)
        self.read_body(NoParameters)
        changed = type(self).deed(enrollment=enrollment, now=self.now, actor=self.actor)
        return self.write(changed, EnrollmentDetail)


class EnrollmentPause(EnrollmentDeed):
    """Pausing one enrollment."""

    deed = staticmethod(enrollment_pause)

    @operation("Pause an enrollment", tag=TAG, takes=None, answers=EnrollmentDetail)
    def post(self, request: Request, journey_id: str, enrollment_id: str) -> Response:
        """Let nobody else enter until it goes on; who has entered stays inside. 409 `ended`."""
        del request
        return self.carry_out(journey_id, enrollment_id)


class EnrollmentResume(EnrollmentDeed):
    """Resuming one enrollment."""

    deed = staticmethod(enrollment_resume)

    @operation("Resume an enrollment", tag=TAG, takes=None, answers=EnrollmentDetail)
    def post(self, request: Request, journey_id: str, enrollment_id: str) -> Response:
        """Let it go on where it stands; `per_hour` counts from now. 409 `ended`."""
        del request
        return self.carry_out(journey_id, enrollment_id)


class EnrollmentCancel(EnrollmentDeed):
    """Cancelling one enrollment."""

    deed = staticmethod(enrollment_cancel)

    @operation("Cancel an enrollment", tag=TAG, takes=None, answers=EnrollmentDetail)
    def post(self, request: Request, journey_id: str, enrollment_id: str) -> Response:
        """End it for good; who has entered stays inside. 409 `ended`."""
        del request
        return self.carry_out(journey_id, enrollment_id)
