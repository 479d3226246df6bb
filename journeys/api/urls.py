"""Addresses of what is said, below /api/."""

from __future__ import annotations

from journeys.api.routes import route
from journeys.api.views import clients, journeys, tasks, templates, weddings

urlpatterns = [
    route("journeys", journeys.Journeys, "journeys"),
    route("journeys/<public_id:journey_id>", journeys.JourneyView, "journey"),
    route("journeys/<public_id:journey_id>/validate", journeys.JourneyValidateView, "journey-validate"),
    route("journeys/<public_id:journey_id>/publish", journeys.JourneyPublishView, "journey-publish"),
    route("journeys/<public_id:journey_id>/duplicate", journeys.JourneyDuplicateView, "journey-duplicate"),
    route("journeys/<public_id:journey_id>/versions", journeys.JourneyVersions, "journey-versions"),
    route(
        "journeys/<public_id:journey_id>/versions/<int:number>", journeys.JourneyVersion, "journey-version"
    ),
    route("journey-templates", templates.Templates, "journey-templates"),
    route("journey-templates/<public_id:template_id>", templates.TemplateView, "journey-template"),
    route(
        "journey-templates/<public_id:template_id>/instantiate",
        templates.TemplateInstantiateView,
        "journey-template-instantiate",
    ),
    route("clients", clients.Clients, "clients"),
    route("clients/<public_id:client_id>", clients.ClientView, "client"),
    route("weddings", weddings.Weddings, "weddings"),
    route("weddings/<public_id:wedding_id>", weddings.WeddingView, "wedding"),
    route("weddings/<public_id:wedding_id>/reschedule", weddings.WeddingRescheduleView, "wedding-reschedule"),
    route("tasks", tasks.Tasks, "tasks"),
    route("tasks/<public_id:task_id>", tasks.TaskView, "task"),
    route("tasks/<public_id:task_id>/finish", tasks.TaskFinish, "task-finish"),
]
