"""Tasks: what the vendor has to do by hand."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from journeys.api.base import VendorView
from journeys.api.schema import operation
from journeys.api.serializers.clients import TaskDetail, TaskDone, TaskQuery
from journeys.models import Task
from journeys.services.tasks import task_finish

TAG = "Tasks"


class Tasks(VendorView):
    """All tasks of the vendor."""

    @operation("List tasks", tag=TAG, answers=TaskDetail(many=True), query=TaskQuery)
    def get(self, request: Request) -> Response:
        """Newest first; filtered by client, and by whether they are still open."""
        del request
        query = self.read_query(TaskQuery)
        rows = self.rows(Task).select_related("client")
        if "client_id" in query:
            rows = rows.filter(client__public_id=query["client_id"])
        if query["open"] is not None:
            rows = rows.filter(done_at__isnull=query["open"])
        return self.page(rows, TaskDetail)


class TaskView(VendorView):
    """One task."""

    @operation("Read a task", tag=TAG, answers=TaskDetail)
    def get(self, request: Request, task_id: str) -> Response:
        """Title and note as the step or the person wrote them."""
        del request
        return self.write(self.one(self.rows(Task).select_related("client"), task_id), TaskDetail)


class TaskFinish(VendorView):
    """Finishing one task."""

    @operation("Finish a task", tag=TAG, takes=TaskDone, answers=TaskDetail)
    def post(self, request: Request, task_id: str) -> Response:
        """Mark it as done, by one of its choices where it has some; a second time changes nothing."""
        del request
        task = self.one(self.rows(Task).select_related("client"), task_id)
        choice = self.read_body(TaskDone)["choice"]
        return self.write(task_finish(task=task, choice=choice, now=self.now, actor=self.actor), TaskDetail)
