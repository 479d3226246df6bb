"""Modules, webhooks both ways, and the answers to forms."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.modules import (
    IncomingHookChange,
    IncomingHookCreate,
    IncomingHookDetail,
    IncomingHookOpened,
    ModuleChange,
    ModuleDetail,
    SubmissionDetail,
    WebhookCallDetail,
    WebhookCallQuery,
    module_detail,
)
from engine.models import FormSubmission, IncomingHook, WebhookCall
from engine.services.incoming import hook_add, hook_change, hook_remove, hook_rotate
from engine.services.modules import module_change, module_of
from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation
from journeys.models import Form

TAG = "Modules"
HOOKS = "Webhooks"


class ModuleView(VendorView):
    """One module."""

    owner_methods = ("PATCH",)

    @extend_schema(operation_id="journey_engine_module_retrieve")
    @operation("Read a module", tag=TAG, answers=ModuleDetail, query=NoParameters)
    def get(self, request: Request, name: str) -> Response:
        """Show what it declares, and how it works for this vendor now."""
        del request
        self.read_query(NoParameters)
        return self.write(module_detail(module_of(self.vendor, name)), ModuleDetail)

    @operation(
        "Switch or reconfigure a module",
        tag=TAG,
        takes=ModuleChange,
        answers=ModuleDetail,
        example={"enabled": False},
    )
    def patch(self, request: Request, name: str) -> Response:
        """Hold the steps of a module while it is off: none fails, and all go on when it is on again."""
        del request
        data = self.read_body(ModuleChange)
        module_change(vendor=self.vendor, name=name, now=self.now, actor=self.actor, **data)
        return self.write(module_detail(module_of(self.vendor, name)), ModuleDetail)


class WebhookCalls(VendorView):
    """All calls to other services."""

    @operation(
        "List calls to other services",
        tag=HOOKS,
        answers=WebhookCallDetail(many=True),
        query=WebhookCallQuery,
    )
    def get(self, request: Request) -> Response:
        """Newest first; filtered by status and instance."""
        del request
        query = self.read_query(WebhookCallQuery)
        if "instance_id" in query:
            query["instance__public_id"] = query.pop("instance_id")
        return self.page(self.rows(WebhookCall).select_related("instance").filter(**query), WebhookCallDetail)


class IncomingHooks(VendorView):
    """The vendor's doors for other services."""

    owner_methods = ("POST",)

    @operation("List incoming hooks", tag=HOOKS, answers=IncomingHookDetail(many=True), query=NoParameters)
    def get(self, request: Request) -> Response:
        """Newest first, without their addresses."""
        del request
        self.read_query(NoParameters)
        return self.page(self.rows(IncomingHook), IncomingHookDetail)

    @operation(
        "Open an incoming hook",
        tag=HOOKS,
        takes=IncomingHookCreate,
        answers=IncomingHookOpened,
        status=201,
        example={"name": "studio_ninja", "match": "email", "match_path": "client.email"},
    )
    def post(self, request: Request) -> Response:
        """Answer with the address, this once. 409 `name_taken` when the name has one already."""
        del request
        data = self.read_body(IncomingHookCreate)
        opened = hook_add(vendor=self.vendor, now=self.now, actor=self.actor, **data)
        return self.write(opened, IncomingHookOpened, status=201)


class IncomingHookView(VendorView):
    """One of them."""

    owner_methods = ("PATCH", "DELETE")

    @operation("Read an incoming hook", tag=HOOKS, answers=IncomingHookDetail)
    def get(self, request: Request, hook_id: str) -> Response:
        """Without its address."""
        del request
        return self.write(self.one(IncomingHook, hook_id), IncomingHookDetail)

    @operation("Change an incoming hook", tag=HOOKS, takes=IncomingHookChange, answers=IncomingHookDetail)
    def patch(self, request: Request, hook_id: str) -> Response:
        """Change where things stand in what arrives, or shut it for a while."""
        del request
        hook, data = self.one(IncomingHook, hook_id), self.read_body(IncomingHookChange)
        return self.write(hook_change(hook=hook, now=self.now, actor=self.actor, **data), IncomingHookDetail)

    @operation("Remove an incoming hook", tag=HOOKS, status=204)
    def delete(self, request: Request, hook_id: str) -> Response:
        """Shut it for good; the events that came through it stay."""
        del request
        hook_remove(hook=self.one(IncomingHook, hook_id), now=self.now, actor=self.actor)
        return Response(status=204)


class IncomingHookRotate(VendorView):
    """Giving one another address."""

    owner_methods = ("POST",)

    @operation("Rotate an incoming hook", tag=HOOKS, takes=None, answers=IncomingHookOpened)
    def post(self, request: Request, hook_id: str) -> Response:
        """Shut the old address at once; the new one is in this answer only."""
        del request
        hook = self.one(IncomingHook, hook_id)
        self.read_body(NoParameters)
        return self.write(hook_rotate(hook=hook, now=self.now, actor=self.actor), IncomingHookOpened)


class FormAnswers(VendorView):
    """What couples have answered to one form."""

    @operation("List the answers to a form", tag="Forms and pages", answers=SubmissionDetail(many=True))
    def get(self, request: Request, form_id: str) -> Response:
        """Newest first, each with the questions as they stood then."""
        del request
        form = self.one(Form, form_id)
        rows = self.rows(FormSubmission).filter(form=form).select_related("client", "instance")
        return self.page(rows, SubmissionDetail)
