"""Instances: clients on their way through journeys, and what a person may do with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.rolling_back import (
    InstancesBulkAnswer,
    InstancesBulkInput,
    RollBackAnswer,
    RollBackInput,
    wish_of,
)
from engine.api.serializers.running import (
    ActionInput,
    ExecutionDetail,
    ExecutionQuery,
    InstanceDetail,
    InstanceInput,
    InstanceQuery,
    InstanceSummary,
    ScheduleDetail,
    step_name,
)
from engine.models import Instance, NodeExecution, Schedule
from engine.services import bulk
from engine.services.bulk import DEEDS
from engine.services.instances import instance_start
from engine.services.roll_back_outlook import roll_back_preview, roll_back_told
from journeys.api.base import VendorView
from journeys.api.columns import Columns, Row
from journeys.api.schema import operation
from journeys.models import Client, Journey

TAG = "Instances"
LATEST_EXECUTIONS = 50
PLACE = Columns(ScheduleDetail, added=("node_name",), beside=("instance_id",))
EXECUTION = Columns(ExecutionDetail, added=("node_name",), beside=("id", "instance__version_id"))
#: The same beside its instance.
OWN_EXECUTION = Columns(ExecutionDetail, added=("instance_id", "node_name"))
SUMMARY = Columns(InstanceSummary, added=("schedules",), beside=("id", "version_id"))
DETAIL = Columns(InstanceDetail, added=("schedules", "executions"), beside=("id", "version_id"))
EXAMPLE = {
    "journey_id": "jrn_2u8Xw5mZb3cD4eF6gH7jKL",
    "client_id": "cli_2u8Xw5mZb3cD4eF6gH7jKL",
    "vendor_id": "ven_2u8Xw5mZb3cD4eF6gH7jKL",
    "variables": {"gallery_url": "https://example.com/gallery"},
}


class InstanceRows(VendorView):
    """Give instances with everything that their answer shows, in a fixed number of queries."""

    def detail(self, instance_id: str, *, status: int = 200) -> Response:
        """Answer with one instance, whole."""
        row = self.one(DETAIL.of(self.rows(Instance)), instance_id)
        latest = self.rows(NodeExecution).filter(instance_id=row["id"]).order_by("-at", "-id")
        executions = [
            OWN_EXECUTION.write(
                one, instance_id=row["public_id"], node_name=step_name(row["version_id"], one["node_id"])
            )
            for one in OWN_EXECUTION.of(latest)[:LATEST_EXECUTIONS]
        ]
        answer = DETAIL.write(row, schedules=self._places([row])[row["id"]], executions=executions)
        return Response(answer, status)

    def summaries(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Write a page of instances, each with where it stands."""
        places = self._places(rows)
        return [SUMMARY.write(row, schedules=places[row["id"]]) for row in rows]

    @staticmethod
    def _places(instances: Sequence[Row]) -> Mapping[int, list[dict[str, Any]]]:
        versions = {row["id"]: row["version_id"] for row in instances}
        places: dict[int, list[dict[str, Any]]] = {one: [] for one in versions}
        # One parameter, whatever their number: a statement that is prepared once. Whose they are, the instances say;
        # asked for the vendor too, PostgreSQL might read all of its places.
        theirs = RawSQL("engine_schedule.instance_id = ANY(%s)", [list(versions)], BooleanField())
        for row in PLACE.of(Schedule.objects.filter(theirs).order_by("due_at", "id")):
            one = row["instance_id"]
            places[one].append(PLACE.write(row, node_name=step_name(versions[one], row["node_id"])))
        return places


def executions_written(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Write executions, each with its step's name."""
    return [
        EXECUTION.write(row, node_name=step_name(row["instance__version_id"], row["node_id"])) for row in rows
    ]


class Instances(InstanceRows):
    """All instances of the vendor."""

    @operation("List instances", tag=TAG, answers=InstanceSummary(many=True), query=InstanceQuery)
    def get(self, request: Request) -> Response:
        """Newest first, each with where it stands; filtered by status, journey and client."""
        del request
        query = self.read_query(InstanceQuery)
        for name in ("journey", "client"):
            if f"{name}_id" in query:
                query[f"{name}__public_id"] = query.pop(f"{name}_id")
        return self.page_written(SUMMARY.of(self.rows(Instance).filter(**query)), self.summaries)

    @operation(
        "Start an instance", tag=TAG, takes=InstanceInput, answers=InstanceDetail, status=201, example=EXAMPLE
    )
    def post(self, request: Request) -> Response:
        """Start a client's passage through a journey's current version.

        409: the journey is not published (`not_published`), the client is inside it (`already_active`) or has been
        through it and may only once (`already_entered`).
        """
        del request
        data = self.read_body(InstanceInput)
        if data.get("vendor_id", self.vendor.public_id) != self.vendor.public_id:
            raise NotFound
        instance = instance_start(
            vendor=self.vendor,
            journey=self.one(self.rows(Journey).select_related("current_version"), data["journey_id"]),
            client=self.one(Client, data["client_id"]),
            variables=data["variables"],
            now=self.now,
            actor=self.actor,
        )
        return self.detail(instance.public_id, status=201)


class InstanceView(InstanceRows):
    """One instance."""

    @operation("Read an instance", tag=TAG, answers=InstanceDetail)
    def get(self, request: Request, instance_id: str) -> Response:
        """With where it stands, its variables, and its latest executions."""
        del request
        return self.detail(instance_id)


class InstanceDeed(InstanceRows):
    """Something a person does with one instance; each address names which."""

    deed: str

    def carry_out(self, instance_id: str) -> Response:
        """Do it and answer with how the instance stands then."""
        instance = self.one(Instance, instance_id)
        reason = self.read_body(ActionInput)["reason"]
        DEEDS[self.deed](instance=instance, now=self.now, actor=self.actor, reason=reason)
        return self.detail(instance_id)


class InstancePause(InstanceDeed):
    """Pausing one instance."""

    deed = "pause"

    @operation("Pause an instance", tag=TAG, takes=ActionInput, answers=InstanceDetail)
    def post(self, request: Request, instance_id: str) -> Response:
        """Hold it where it is; what is at the provider already can not be called back. Twice changes nothing."""
        del request
        return self.carry_out(instance_id)


class InstanceResume(InstanceDeed):
    """Resuming one instance."""

    deed = "resume"

    @operation("Resume an instance", tag=TAG, takes=ActionInput, answers=InstanceDetail)
    def post(self, request: Request, instance_id: str) -> Response:
        """Let it go on; what became due meanwhile follows its late rule. Twice changes nothing."""
        del request
        return self.carry_out(instance_id)


class InstanceCancel(InstanceDeed):
    """Cancelling one instance."""

    deed = "cancel"

    @operation("Cancel an instance", tag=TAG, takes=ActionInput, answers=InstanceDetail)
    def post(self, request: Request, instance_id: str) -> Response:
        """End it for good; its open tickets go with it. Twice changes nothing."""
        del request
        return self.carry_out(instance_id)


class InstanceRetry(InstanceDeed):
    """Retrying one instance."""

    deed = "retry"

    @operation("Retry an instance", tag=TAG, takes=ActionInput, answers=InstanceDetail)
    def post(self, request: Request, instance_id: str) -> Response:
        """Try again at once whatever failed. 409 `nothing_to_retry` when nothing has."""
        del request
        return self.carry_out(instance_id)


class InstanceRollBack(VendorView):
    """Putting one instance back to an earlier step."""

    @operation(
        "Roll an instance back",
        tag=TAG,
        takes=RollBackInput,
        answers=RollBackAnswer,
        example={"node_id": "hello", "dry_run": True, "messages": "keep", "due": "by_its_timing"},
    )
    def post(self, request: Request, instance_id: str) -> Response:
        """Take away what stands and begin anew at a step that was reached; one that has ended lives again.

        What went out stays out, and is sent again only with `send_again`. `dry_run` tells what it comes to and
        changes nothing. 400: `unknown_step`, `not_reached`, or `inside_split` (details name the split to go back
        to). 409: `rolled_back_meanwhile`, `too_many_rounds`; where the client may not be in the journey again, the
        reasons of a start.
        """
        del request
        rows = self.rows(Instance).select_related("vendor", "journey", "version", "client", "wedding")
        instance = self.one(rows, instance_id)
        data = self.read_body(RollBackInput)
        look = roll_back_preview if data["dry_run"] else roll_back_told
        outlook = look(
            instance=instance, wish=wish_of(data, reason=data["reason"]), now=self.now, actor=self.actor
        )
        return self.write(outlook, RollBackAnswer, context={"dry_run": data["dry_run"]})


class InstancesBulk(VendorView):
    """Many instances at once."""

    @operation(
        "Do the same with many instances",
        tag=TAG,
        takes=InstancesBulkInput,
        answers=InstancesBulkAnswer,
        example={"action": "pause", "ids": ["ins_2u8Xw5mZb3cD4eF6gH7jKL"], "reason": "Studio closed"},
    )
    def post(self, request: Request) -> Response:
        """Pause, resume, cancel, retry or roll back each in a transaction of its own; tell what became of each.

        Those that are named, or the first 200 that fit a filter: call again with `next` as `filter.after` while it is
        not null. What one refuses does not stop the others, and what is done already stays as it is.
        """
        del request
        data = self.read_body(InstancesBulkInput)
        following = None
        if "filter" in data:
            ids, following = bulk.choose(self.vendor, _chosen(data["filter"]))
        else:
            ids = data["ids"]
        results = bulk.carry_out(
            vendor=self.vendor,
            action=data["action"],
            public_ids=ids,
            wish=wish_of(data["roll_back"], reason=data["reason"]) if "roll_back" in data else None,
            reason=data["reason"],
            now=self.now,
            actor=self.actor,
        )
        return Response({"results": [_told(one) for one in results], "next": following})


def _chosen(given: Mapping[str, Any]) -> bulk.Chosen:
    return bulk.Chosen(
        journey=given.get("journey_id"),
        status=given.get("status"),
        node=given.get("node_id"),
        tag=given.get("tag"),
        after=given.get("after"),
    )


def _told(done: bulk.Done) -> dict[str, Any]:
    return {
        "id": done.public_id,
        "ok": done.ok,
        "status": done.status,
        "code": done.code,
        "message": done.message,
    }


class Executions(VendorView):
    """All executions of the vendor's steps."""

    keyset = ("at", "id")

    @operation("List executions", tag=TAG, answers=ExecutionDetail(many=True), query=ExecutionQuery)
    def get(self, request: Request) -> Response:
        """Newest first: every attempt at every step, and how it ended."""
        del request
        query = self.read_query(ExecutionQuery)
        if "instance_id" in query:
            query["instance"] = self.one(Instance, query.pop("instance_id"))
        return self.page_written(EXECUTION.of(self.rows(NodeExecution).filter(**query)), executions_written)
