"""Journeys and templates as files, and what differs between them and between versions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation
from journeys.api.serializers.files import (
    DiffAnswer,
    DiffQuery,
    ExportQuery,
    ImportAnswer,
    TemplateDiffAnswer,
    TemplateDocument,
    TemplateImport,
)
from journeys.api.views.journeys import TAG, OneJourney
from journeys.api.views.templates import TAG as TEMPLATES
from journeys.api.views.templates import TemplateRows
from journeys.api.yaml import TemplateYaml
from journeys.errors import Invalid
from journeys.models import Journey
from journeys.services.template_files import TemplateFile
from journeys.services.templates import journey_file, template_diff, template_file, template_import
from journeys.services.versions import compare, version_of


class JourneyDiff(OneJourney):
    """What differs between two versions of a journey."""

    @operation("Compare two versions", tag=TAG, answers=DiffAnswer, query=DiffQuery)
    def get(self, request: Request, journey_id: str) -> Response:
        """Say what differs, field by field and as plain sentences.

        `from` and `to` are numbers of versions, `current` or `draft`; without them, what publishing the draft would
        change. Texts of several lines are compared line by line.
        """
        del request
        journey = self.journey(journey_id)
        query = self.read_query(DiffQuery)
        one = query.get("from_", "current" if journey.current_version_id else "draft")
        other = query.get("to", "draft")
        found, said = compare(_definition(journey, one), _definition(journey, other))
        return self.write(
            {
                "from_": one,
                "to": other,
                "same": not found,
                "only_layout": found.only_layout,
                "sentences": said,
                "changes": found.as_dict(),
            },
            DiffAnswer,
        )


def _definition(journey: Journey, which: str) -> Any:
    if which == "draft":
        return journey.draft
    if which == "current":
        if journey.current_version is None:
            raise NotFound
        return journey.current_version.definition
    return version_of(journey, int(which)).definition


class _Export(VendorView):
    """Answer with a file."""

    renderer_classes = (JSONRenderer, TemplateYaml)

    def file(self, file: TemplateFile) -> Response:
        """Send it under its own name."""
        self.read_query(ExportQuery)
        answer = Response(asdict(file))
        if self.request.query_params.get("format") == TemplateYaml.format:
            answer["Content-Disposition"] = f'attachment; filename="{file.key or "journey"}.yaml"'
        return answer


class JourneyExport(_Export, OneJourney):
    """A journey as the file of a template."""

    @operation("Export a journey", tag=TAG, answers=TemplateDocument, query=ExportQuery)
    def get(self, request: Request, journey_id: str) -> Response:
        """Give the draft as a template's file; `?format=yaml` for the file itself."""
        del request
        return self.file(journey_file(self.journey(journey_id)))


class TemplateExport(_Export, TemplateRows):
    """A template as a file."""

    @operation("Export a template", tag=TEMPLATES, answers=TemplateDocument, query=ExportQuery)
    def get(self, request: Request, template_id: str) -> Response:
        """Give the template's file; `?format=yaml` for the file itself."""
        del request
        return self.file(template_file(self.template(template_id)))


class TemplateImportView(TemplateRows):
    """Bringing a template in from a file."""

    @operation(
        "Import a template",
        tag=TEMPLATES,
        takes=TemplateImport,
        answers=ImportAnswer,
        example={"content": "name: Ours\ndefinition:\n  schema_version: 1\n  …", "dry_run": True},
    )
    def post(self, request: Request) -> Response:
        """Keep a YAML file as a template of the vendor's own, in the place of the one with the same key.

        With `dry_run` nothing is kept, and the answer names every problem with its line and column, or what would
        change. Without it, a file with problems is refused with 400 `template_invalid`.
        """
        del request
        data = self.read_body(TemplateImport)
        done = template_import(
            vendor=self.vendor,
            text=data["content"],
            key=data.get("key"),
            dry_run=data["dry_run"],
            now=self.now,
            actor=self.actor,
        )
        problems = [problem.as_dict() for problem in done.reading.problems]
        if problems and not data["dry_run"]:
            raise Invalid(
                "The file has problems. Mend each.", code="template_invalid", details={"problems": problems}
            )
        return self.write(
            {
                "valid": not problems,
                "problems": problems,
                "is_new": done.is_new,
                "changes": done.changes,
                "template": done.template,
            },
            ImportAnswer,
        )


class JourneyTemplateDiff(OneJourney):
    """How a journey differs from its template."""

    @operation("Compare a journey with its template", tag=TAG, answers=TemplateDiffAnswer, query=NoParameters)
    def get(self, request: Request, journey_id: str) -> Response:
        """Say what was changed since the journey was begun from its template, and whether that says more now.

        `template` is null for a journey that was begun from none.
        """
        del request
        self.read_query(NoParameters)
        found = template_diff(self.journey(journey_id))
        return self.write(
            {
                "template": found.template,
                "template_changed": found.template_changed,
                "same": not found.diff,
                "sentences": found.sentences,
                "changes": found.diff.as_dict(),
            },
            TemplateDiffAnswer,
        )
