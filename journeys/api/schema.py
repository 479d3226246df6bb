"""What the views say about themselves in the OpenAPI schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
)
from rest_framework import serializers

from journeys.api.idempotency import HEADER

F = TypeVar("F", bound=Callable[..., Any])


class Choice(serializers.ChoiceField):
    """Take and give one of the words of a subclass, made with `choice`."""

    words: ClassVar[tuple[str, ...]]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=self.words, **kwargs)


def choice(name: str, words: Sequence[str]) -> type[Choice]:
    """Make a field for these words; it stands under this name in the schema, wherever it is used."""
    field = type(name, (Choice,), {"words": tuple(words)})
    described: type[Choice] = extend_schema_field(
        field={"type": "string", "enum": list(words)}, component_name=name
    )(field)
    return described


class Problem(serializers.Serializer[Any]):
    """One thing that is wrong."""

    code = serializers.CharField(help_text="Stable, for programs.")
    message = serializers.CharField(help_text="For people.")
    field = serializers.CharField(
        required=False, allow_null=True, help_text="Dotted path of the field it is about."
    )
    value = serializers.JSONField(required=False, help_text="What stands there now, where that helps.")
    node = serializers.CharField(
        required=False, allow_null=True, help_text="Id of the step, when it is about a journey."
    )
    position = serializers.IntegerField(
        required=False, allow_null=True, help_text="Characters from the start of the field's text."
    )


class Error(serializers.Serializer[Any]):
    """The one shape of everything that goes wrong."""

    code = serializers.CharField(help_text="Stable, for programs.")
    message = serializers.CharField(help_text="For people: what happened and what to do.")
    details = Problem(many=True, help_text="One entry for each problem; empty when there is no more to say.")


#: What any request may be answered with, by status.
ERRORS: dict[int, str] = {
    400: "The request is not right; `details` names each field.",
    401: "The key is missing or not valid.",
    403: "The caller may not do this.",
    404: "Not there, or not this vendor's.",
    409: "It contradicts what is stored.",
    413: "The body is too large.",
    429: "Too many requests; see Retry-After.",
}
ONLY_WITH_BODY = frozenset({409, 413})

IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="A word of your own for this request. The same one again does nothing twice and gives the same answer.",
)
VENDOR = OpenApiParameter(
    "X-Vendor",
    str,
    OpenApiParameter.HEADER,
    description="Id of the vendor, for people who are members of several. Keys need none.",
)


def operation(
    summary: str,
    *,
    tag: str,
    answers: Any = None,
    status: int = 200,
    takes: Any = None,
    query: Any = None,
    example: dict[str, Any] | None = None,
    errors: Sequence[int] = tuple(ERRORS),
) -> Callable[[F], F]:
    """Describe one method of a view: what it takes, what it answers, and what can go wrong.

    `answers` with `many=True` is described as a page. Every POST takes an Idempotency-Key.
    """

    def decorate(handler: F) -> F:
        writes = handler.__name__ != "get"
        responses: dict[Any, Any] = {status: answers or OpenApiResponse(description="Done.")}
        for code in errors:
            if writes or code not in ONLY_WITH_BODY:
                responses[code] = OpenApiResponse(Error, description=ERRORS[code])
        parameters: list[Any] = [VENDOR]
        if handler.__name__ == "post":
            parameters.append(IDEMPOTENCY_KEY)
        if query is not None and query().fields:
            parameters.append(query)
        examples = [OpenApiExample("Example", value=example, request_only=True)] if example else None
        described: F = extend_schema(
            summary=summary,
            description=(handler.__doc__ or "").strip(),
            tags=[tag],
            request=takes,
            responses=responses,
            parameters=parameters,
            examples=examples,
        )(handler)
        return described

    return decorate
