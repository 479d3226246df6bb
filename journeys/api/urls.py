"""Addresses of what is said, below /api/."""

from __future__ import annotations

from journeys.api.routes import route
from journeys.api.views import (
    clients,
    contact_rules,
    files,
    forms,
    journeys,
    secrets,
    tasks,
    templates,
    weddings,
)

urlpatterns = [
    route("journeys", journeys.Journeys, "journeys"),
    route("journeys/<public_id:journey_id>", journeys.JourneyView, "journey"),
    route("journeys/<public_id:journey_id>/validate", journeys.JourneyValidateView, "journey-validate"),
    route("journeys/<public_id:journey_id>/duplicate", journeys.JourneyDuplicateView, "journey-duplicate"),
    route("journeys/<public_id:journey_id>/versions", journeys.JourneyVersions, "journey-versions"),
    route(
        "journeys/<public_id:journey_id>/versions/<int:number>", journeys.JourneyVersion, "journey-version"
    ),
    route("journeys/<public_id:journey_id>/diff", files.JourneyDiff, "journey-diff"),
    route(
        "journeys/<public_id:journey_id>/template-diff", files.JourneyTemplateDiff, "journey-template-diff"
    ),
    route("journeys/<public_id:journey_id>/export", files.JourneyExport, "journey-export"),
    route("journey-templates/import", files.TemplateImportView, "journey-template-import"),
    route(
        "journey-templates/<public_id:template_id>/export", files.TemplateExport, "journey-template-export"
    ),
    route("journey-templates", templates.Templates, "journey-templates"),
    route("journey-templates/<public_id:template_id>", templates.TemplateView, "journey-template"),
    route(
        "journey-templates/<public_id:template_id>/instantiate",
        templates.TemplateInstantiateView,
        "journey-template-instantiate",
    ),
    route("contact-rules", contact_rules.ContactRulesView, "contact-rules"),
    route("clients", clients.Clients, "clients"),
    route("clients/<public_id:client_id>", clients.ClientView, "client"),
    route("weddings", weddings.Weddings, "weddings"),
    route("weddings/<public_id:wedding_id>", weddings.WeddingView, "wedding"),
    route("tasks", tasks.Tasks, "tasks"),
    route("tasks/<public_id:task_id>", tasks.TaskView, "task"),
    route("tasks/<public_id:task_id>/finish", tasks.TaskFinish, "task-finish"),
    route("forms", forms.Forms, "forms"),
    route("forms/<public_id:form_id>", forms.FormView, "form"),
    route("info-pages", forms.InfoPages, "info-pages"),
    route("info-pages/<public_id:page_id>", forms.InfoPageView, "info-page"),
    route("secrets", secrets.Secrets, "secrets"),
    route("secrets/<public_id:secret_id>", secrets.SecretView, "secret"),
    route("webhook-signing", secrets.WebhookSigning, "webhook-signing"),
    route("webhook-signing/rotate", secrets.WebhookSigningRotate, "webhook-signing-rotate"),
]
