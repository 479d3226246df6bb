"""What every view of the REST API stands on: whose it is, who calls, what time it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property, partial
from typing import Any, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from journeys import clock
from journeys.api import idempotency, kept, schemes  # noqa: F401 the schema's extensions register themselves
from journeys.api.auth import ApiCaller
from journeys.api.limits import StrictJSONParser
from journeys.api.pagination import KeysetPagination
from journeys.api.permissions import VendorAccess
from journeys.api.strict import StrictSerializer
from journeys.api.throttling import VendorThrottle
from journeys.models import Vendor
from journeys.scoping import owned_by

M = TypeVar("M", bound=Model)
Reader = type[serializers.BaseSerializer[Any]]

#: Query parameters that belong to every list.
PAGE_PARAMETERS = frozenset({"limit", "after"})


class VendorView(APIView):
    """Speak for one vendor: `self.vendor`, `self.actor`, and `self.now`, read once for each request.

    A POST with an Idempotency-Key runs inside one transaction together with the record of its answer, so a
    handler must not open a durable one.
    """

    permission_classes = (VendorAccess,)
    throttle_classes = (VendorThrottle,)
    parser_classes = (StrictJSONParser,)
    pagination_class = KeysetPagination
    #: HTTP methods that only an owner may use here, such as ("POST",).
    owner_methods: tuple[str, ...] = ()
    #: What a list of this view is ordered by, descending; the last one is unique.
    keyset: tuple[str, ...] = ("id",)

    @property
    def caller(self) -> ApiCaller:
        """Return who sent the request."""
        caller = self.request.auth
        if not isinstance(caller, ApiCaller):
            raise NotAuthenticated
        return caller

    @property
    def vendor(self) -> Vendor:
        """Return the vendor that the request speaks for."""
        return self.caller.vendor

    @property
    def actor(self) -> str:
        """Return the name under which this request stands in the audit."""
        return self.caller.actor

    @cached_property
    def now(self) -> datetime:
        """Return the engine's time of this request."""
        return clock.now()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the request in, and have a POST with an Idempotency-Key answered once."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and idempotency.HEADER in request.headers and hasattr(self, "post"):
            # Dispatch looks the handler up on the instance next, as it does for view sets.
            self.__dict__["post"] = partial(self._answer_once, self.post)

    def _answer_once(
        self, handler: Callable[..., Response], request: Request, *args: Any, **kwargs: Any
    ) -> Response:
        def work() -> Response:
            try:
                with transaction.atomic():
                    return handler(request, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 what is not anticipated is raised again by handle_exception
                return self.handle_exception(error)

        return idempotency.answer_once(request=request, vendor=self.vendor, now=self.now, work=work)

    def rows(self, model: type[M]) -> QuerySet[M]:
        """Give the rows of a model that belong to the caller's vendor."""
        return owned_by(self.vendor, model)

    def one(self, rows: type[M] | QuerySet[M], public_id: Any) -> M:
        """Find one of the vendor's rows by its public id.

        Raises:
            NotFound: there is none, or it is another vendor's; the answer does not tell which.
        """
        queryset = rows.filter(vendor=self.vendor) if isinstance(rows, QuerySet) else self.rows(rows)
        try:
            # Not `first()`, which would order the one row and makes the statement dearer to write than to carry out.
            return queryset.get(public_id=public_id)
        except ObjectDoesNotExist:
            raise NotFound from None

    def read_body(self, reader: type[StrictSerializer], **options: Any) -> dict[str, Any]:
        """Check the body and return its values.

        Raises:
            ValidationError: naming every field that is wrong.
        """
        if not options:
            return kept.read(reader, self.request.data, context={"view": self})
        serializer = reader(data=self.request.data, context={"view": self}, **options)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def read_query(self, reader: type[StrictSerializer]) -> dict[str, Any]:
        """Check the query parameters, other than the page's own, and return their values."""
        given = {k: v for k, v in self.request.query_params.items() if k not in PAGE_PARAMETERS}
        return kept.read(reader, given, context={"view": self})

    def page(
        self, rows: QuerySet[Any], writer: Reader, *, context: Mapping[str, Any] | None = None
    ) -> Response:
        """Answer with one page of rows."""
        with_view = {"view": self, **(context or {})}
        return self.page_written(rows, lambda found: kept.write_many(writer, found, context=with_view))

    def page_written(
        self, rows: QuerySet[Any, Any], write: Callable[[list[Any]], list[dict[str, Any]]]
    ) -> Response:
        """Answer with one page of rows, written all at once."""
        paginator = self.pagination_class()
        return paginator.get_paginated_response(
            write(paginator.paginate_queryset(rows, self.request, view=self))
        )

    def write(
        self,
        value: Any,
        writer: Reader,
        *,
        status: int = 200,
        context: Mapping[str, Any] | None = None,
    ) -> Response:
        """Answer with one object."""
        return Response(kept.write_one(writer, value, context={"view": self, **(context or {})}), status)


class VendorViewSet(ViewSetMixin, VendorView):
    """The same, for those who prefer actions to methods."""


class NoParameters(StrictSerializer):
    """Take nothing: for lists without filters and actions without a body."""
