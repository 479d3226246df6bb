"""Journey templates: ready-made journeys to begin from."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from journeys.api.base import VendorView
from journeys.api.schema import operation
from journeys.api.serializers.journeys import (
    JourneyDetail,
    TemplateDetail,
    TemplateInstantiate,
    TemplateQuery,
    TemplateSummary,
)
from journeys.models import JourneyTemplate
from journeys.services.templates import template_instantiate

TAG = "Journey templates"


class TemplateRows(VendorView):
    """Give the templates that ship with the product, and the vendor's own."""

    def templates(self) -> QuerySet[JourneyTemplate]:
        """Return the templates that this vendor may use."""
        return JourneyTemplate.objects.filter(Q(vendor=self.vendor) | Q(vendor=None))

    def template(self, template_id: str) -> JourneyTemplate:
        """Return the one that the address names."""
        found = self.templates().filter(public_id=template_id).first()
        if found is None:
            raise NotFound
        return found


class Templates(TemplateRows):
    """All templates."""

    @operation("List templates", tag=TAG, answers=TemplateSummary(many=True), query=TemplateQuery)
    def get(self, request: Request) -> Response:
        """Those of the product and the vendor's own; `vendor_kind` leaves out those made for other kinds."""
        del request
        query = self.read_query(TemplateQuery)
        rows = self.templates()
        if "vendor_kind" in query:
            rows = rows.filter(vendor_kind__in=["", query["vendor_kind"]])
        return self.page(rows, TemplateSummary)


class TemplateView(TemplateRows):
    """One template."""

    @operation("Read a template", tag=TAG, answers=TemplateDetail)
    def get(self, request: Request, template_id: str) -> Response:
        """With its definition and the parameters that can be changed."""
        del request
        return self.write(self.template(template_id), TemplateDetail)


class TemplateInstantiateView(TemplateRows):
    """Beginning a journey from one template."""

    @operation(
        "Begin a journey from a template",
        tag=TAG,
        takes=TemplateInstantiate,
        answers=JourneyDetail,
        status=201,
        example={"name": "Our full service", "parameters": {"final_payment": "-45d"}},
    )
    def post(self, request: Request, template_id: str) -> Response:
        """Make a draft of the template; parameters come from here, else from the vendor, else from the template."""
        del request
        template = self.template(template_id)
        data = self.read_body(TemplateInstantiate)
        journey = template_instantiate(
            template=template, vendor=self.vendor, now=self.now, actor=self.actor, **data
        )
        return self.write(journey, JourneyDetail, status=201)
