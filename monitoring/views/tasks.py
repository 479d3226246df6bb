"""Tasks: what the vendor does by hand, and what journeys wait for."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from journeys import clock
from journeys.errors import ServiceError
from journeys.models import Task, Vendor
from journeys.scoping import owned_by
from journeys.services.tasks import task_finish
from monitoring.access import actor_of, vendor_deed, vendor_page
from monitoring.selectors.tasks import task_rows
from monitoring.views.page import back, say, show

LIST = "/journey-monitor/tasks/"


@require_safe
@vendor_page
def task_list(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """List what is to be done, or what was done lately."""
    now = clock.now()
    done = request.GET.get("status") == "done"
    rows = task_rows(vendor=vendor, done=done, now=now)
    return show(request, "monitoring/tasks.html", vendor=vendor, now=now, rows=rows, done=done)


@require_POST
@vendor_deed
def task_done(request: HttpRequest, vendor: Vendor, task_id: str) -> HttpResponse:
    """Finish a task, by the choice of the button that was pressed."""
    task = owned_by(vendor, Task).filter(public_id=task_id).first()
    if task is None:
        raise Http404
    try:
        task_finish(
            task=task, choice=request.POST.get("choice", ""), now=clock.now(), actor=actor_of(request)
        )
    except ServiceError as refusal:
        say(request, refusal.message, failed=True)
    else:
        say(request, "The task is done. What waited for it goes on.")
    return back(request, LIST)
