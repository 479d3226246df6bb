"""Pages that stay right while rows are added: each begins after the last row of the one before."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, Q, QuerySet
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from journeys.encryption import DecryptionFailed, decrypt, encrypt

if TYPE_CHECKING:
    # The views' module reads the settings, which name this one.
    from rest_framework.views import APIView

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200
LONGEST_CURSOR = 500
_CONTEXT = "journeys.api.cursor"


class KeysetPagination(BasePagination):
    """Give `{"results": […], "next": "…" or null}`, newest first; `?limit=` up to 200, `?after=<next>`.

    Rows are ordered by `-id`, or by what the view names in `keyset` (all descending, the last one unique). The
    cursor is encrypted, so that it tells nothing and can not be made up.
    """

    next_cursor: str | None = None

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        """Read one page; one row more is fetched to know whether there is another."""
        keyset: tuple[str, ...] = getattr(view, "keyset", ("id",))
        limit = _limit(request.query_params.get("limit", ""))
        if after := request.query_params.get("after", ""):
            queryset = queryset.filter(_following(keyset, _opened(after, keyset)))
        rows = list(queryset.order_by(*(f"-{name}" for name in keyset))[: limit + 1])
        self.next_cursor = _sealed(rows[limit - 1], keyset) if len(rows) > limit else None
        return rows[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        """Wrap the page."""
        return Response({"results": data, "next": self.next_cursor})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page in the OpenAPI schema."""
        return {
            "type": "object",
            "required": ["results", "next"],
            "properties": {
                "results": schema,
                "next": {
                    "type": "string",
                    "nullable": True,
                    "description": "Give it as `after` for the next page; null on the last one.",
                },
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Describe `limit` and `after` in the OpenAPI schema."""
        del view
        size = {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT}
        return [
            {"name": "limit", "in": "query", "description": "Rows on a page.", "schema": size},
            {
                "name": "after",
                "in": "query",
                "description": "The `next` of the page before.",
                "schema": {"type": "string"},
            },
        ]


def _limit(text: str) -> int:
    if not text:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LARGEST_LIMIT):
        raise ValidationError({"limit": f"Give a whole number from 1 to {LARGEST_LIMIT}."})
    return int(text)


def _following(keyset: Sequence[str], values: Sequence[Any]) -> Q:
    """Select what comes after the row with these values: (a, b) < (x, y), written for an index on a."""
    condition = Q()
    for index in range(len(keyset)):
        equal = dict(zip(keyset[:index], values[:index], strict=True))
        condition |= Q(**equal, **{f"{keyset[index]}__lt": values[index]})
    return Q(**{f"{keyset[0]}__lte": values[0]}) & condition if len(keyset) > 1 else condition


def _sealed(row: Model | dict[str, Any], keyset: Sequence[str]) -> str:
    values = [row[name] if isinstance(row, dict) else getattr(row, name) for name in keyset]
    values = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    sealed = encrypt(json.dumps([list(keyset), values], cls=DjangoJSONEncoder), context=_CONTEXT)
    return base64.urlsafe_b64encode(sealed.encode()).decode().rstrip("=")


def _opened(cursor: str, keyset: Sequence[str]) -> list[Any]:
    wrong = ValidationError(
        {"after": "This is not the `next` of a page of this list. Begin again without it."}
    )
    if len(cursor) > LONGEST_CURSOR:
        raise wrong
    try:
        sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        names, values = json.loads(decrypt(sealed, context=_CONTEXT))
    except (ValueError, DecryptionFailed):
        raise wrong from None
    if names != list(keyset):
        raise wrong
    return [parse_datetime(value) if isinstance(value, str) else value for value in values]
