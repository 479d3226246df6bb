"""Forms and information pages of the vendor."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from journeys.api.base import VendorView
from journeys.api.schema import operation
from journeys.api.serializers.forms import (
    ArchivedQuery,
    FormChange,
    FormCreate,
    FormDetail,
    InfoPageChange,
    InfoPageCreate,
    InfoPageDetail,
)
from journeys.models import Form, InfoPage
from journeys.services.forms import form_add, form_change, info_page_add, info_page_change

TAG = "Forms and pages"
EXAMPLE = {
    "key": "headcount",
    "title": "How many of you are coming?",
    "intro": "Two minutes, and the kitchen knows what to cook.",
    "fields": [
        {"name": "guests", "label": "Guests at dinner", "kind": "number", "required": True},
        {"name": "menu", "label": "Menu", "kind": "choice", "options": ["Garden", "Sea", "Land"]},
    ],
    "thanks": "Noted. You can still write to us until two weeks before the day.",
}


class Forms(VendorView):
    """All forms of the vendor."""

    @operation("List forms", tag=TAG, answers=FormDetail(many=True), query=ArchivedQuery)
    def get(self, request: Request) -> Response:
        """Newest first; those that are not archived, unless asked otherwise."""
        del request
        return self.page(self.rows(Form).filter(**self.read_query(ArchivedQuery)), FormDetail)

    @operation("Add a form", tag=TAG, takes=FormCreate, answers=FormDetail, status=201, example=EXAMPLE)
    def post(self, request: Request) -> Response:
        """Journeys name it by its key. 409 `key_taken` when another form has it."""
        del request
        data = self.read_body(FormCreate)
        form = form_add(vendor=self.vendor, now=self.now, actor=self.actor, **data)
        return self.write(form, FormDetail, status=201)


class FormView(VendorView):
    """One form."""

    @operation("Read a form", tag=TAG, answers=FormDetail)
    def get(self, request: Request, form_id: str) -> Response:
        """With all its questions."""
        del request
        return self.write(self.one(Form, form_id), FormDetail)

    @operation("Change a form", tag=TAG, takes=FormChange, answers=FormDetail)
    def patch(self, request: Request, form_id: str) -> Response:
        """Couples who open it from now on see it so; answers given before keep the questions they belong to."""
        del request
        form = self.one(Form, form_id)
        data = self.read_body(FormChange)
        form = form_change(form=form, now=self.now, actor=self.actor, **data)
        return self.write(form, FormDetail)

    @operation("Archive a form", tag=TAG, answers=FormDetail)
    def delete(self, request: Request, form_id: str) -> Response:
        """Close it; its answers stay. A second time changes nothing."""
        del request
        form = form_change(form=self.one(Form, form_id), is_archived=True, now=self.now, actor=self.actor)
        return self.write(form, FormDetail)


class InfoPages(VendorView):
    """All information pages of the vendor."""

    @operation("List information pages", tag=TAG, answers=InfoPageDetail(many=True), query=ArchivedQuery)
    def get(self, request: Request) -> Response:
        """Newest first; those that are not archived, unless asked otherwise."""
        del request
        return self.page(self.rows(InfoPage).filter(**self.read_query(ArchivedQuery)), InfoPageDetail)

    @operation(
        "Add an information page",
        tag=TAG,
        takes=InfoPageCreate,
        answers=InfoPageDetail,
        status=201,
        example={"key": "directions", "title": "How to find us", "body": "Dear {{ client.display_name }}, …"},
    )
    def post(self, request: Request) -> Response:
        """Journeys name it by its key. 409 `key_taken` when another page has it."""
        del request
        data = self.read_body(InfoPageCreate)
        page = info_page_add(vendor=self.vendor, now=self.now, actor=self.actor, **data)
        return self.write(page, InfoPageDetail, status=201)


class InfoPageView(VendorView):
    """One information page."""

    @operation("Read an information page", tag=TAG, answers=InfoPageDetail)
    def get(self, request: Request, page_id: str) -> Response:
        """As it is written, with its variables."""
        del request
        return self.write(self.one(InfoPage, page_id), InfoPageDetail)

    @operation("Change an information page", tag=TAG, takes=InfoPageChange, answers=InfoPageDetail)
    def patch(self, request: Request, page_id: str) -> Response:
        """Couples see it so from now on, also behind links that were sent before."""
        del request
        page = self.one(InfoPage, page_id)
        data = self.read_body(InfoPageChange)
        page = info_page_change(page=page, now=self.now, actor=self.actor, **data)
        return self.write(page, InfoPageDetail)

    @operation("Archive an information page", tag=TAG, answers=InfoPageDetail)
    def delete(self, request: Request, page_id: str) -> Response:
        """Its links show that it is no longer there. A second time changes nothing."""
        del request
        page = self.one(InfoPage, page_id)
        page = info_page_change(page=page, is_archived=True, now=self.now, actor=self.actor)
        return self.write(page, InfoPageDetail)
