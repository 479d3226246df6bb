"""One shape for everything that goes wrong: {"code", "message", "details"}."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import singledispatch
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response

from journeys.errors import ServiceError
from journeys.language.errors import DefinitionInvalid, LanguageError

log = structlog.get_logger(__name__)

API_ROOT = "/api/"
#: Seconds after which a caller may try again when the database did not answer.
RETRY_UNAVAILABLE_SECONDS = 5

_NOT_FOUND = "There is nothing here. Check the address and the ids in it."
_FORBIDDEN = "You may not do this."
_MALFORMED = "The request can not be understood."

#: Stable codes for what the framework raises; the sentence is ours.
_FRAMEWORK: tuple[tuple[type[exceptions.APIException], str, str | None], ...] = (
    (exceptions.ParseError, "malformed", None),
    (
        exceptions.NotAuthenticated,
        "not_authenticated",
        "Send an API key in the header Authorization: Api-Key …, or log in.",
    ),
    (exceptions.AuthenticationFailed, "not_authenticated", None),
    (exceptions.PermissionDenied, "forbidden", None),
    (exceptions.NotFound, "not_found", _NOT_FOUND),
    (exceptions.MethodNotAllowed, "method_not_allowed", None),
    (exceptions.NotAcceptable, "not_acceptable", "Only application/json is spoken here."),
    (exceptions.UnsupportedMediaType, "unsupported_media_type", "Send application/json."),
    (exceptions.Throttled, "rate_limited", "Too many requests. Wait and try again."),
)


class TooLarge(exceptions.APIException):
    """The body is larger than is read here."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "The body is larger than is read here. Send less at once."


def body(code: str, message: str, details: Any = None) -> dict[str, Any]:
    """Build the one shape."""
    return {"code": code, "message": message, "details": [] if details is None else details}


def answer(code: str, message: str, *, http: int, details: Any = None) -> JsonResponse:
    """Build the one shape as a plain Django answer, for what happens outside of the views."""
    return JsonResponse(body(code, message, details), status=http)


def field_problems(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Flatten nested field errors to {"field": "a.b.0", "code", "message"}."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = path if name == "non_field_errors" else f"{path}.{name}".lstrip(".")
            yield from field_problems(inner, own)
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list)
            yield from field_problems(inner, f"{path}.{index}".lstrip(".") if nested else path)
    else:
        yield {"field": path, "code": str(getattr(detail, "code", "invalid")), "message": str(detail)}


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Turn an exception into an answer; None leaves it to the page for unexpected errors (500)."""
    del context
    return _answer_to(exc)


@singledispatch
def _answer_to(_exc: Exception) -> Response | None:
    return None


@_answer_to.register
def _(exc: DefinitionInvalid) -> Response:
    problems = [problem.as_dict() for problem in exc.problems]
    return Response(body("definition_invalid", "The journey has problems. Mend each.", problems), 400)


@_answer_to.register
def _(exc: LanguageError) -> Response:
    return Response(body("invalid", str(exc)), 400)


@_answer_to.register
def _(exc: ServiceError) -> Response:
    return Response(body(exc.code, exc.message, _service_details(exc)), exc.http_status)


@_answer_to.register
def _(exc: exceptions.ValidationError) -> Response:
    problems = list(field_problems(exc.detail))
    return Response(body("invalid", _summary(problems), problems), 400)


@_answer_to.register
def _(exc: DjangoValidationError) -> Response:
    problems = [{"field": "", "code": "invalid", "message": message} for message in exc.messages]
    return Response(body("invalid", _summary(problems), problems), 400)


def _summary(problems: list[dict[str, str]]) -> str:
    names = sorted({problem["field"] for problem in problems if problem["field"]})
    if names:
        return "Look at: " + ", ".join(names[:10]) + (", …" if len(names) > 10 else "") + "."  # noqa: PLR2004
    return problems[0]["message"] if problems else "The request can not be understood."


def _service_details(exc: ServiceError) -> list[dict[str, Any]]:
    """List a service's details by field, in the same words as the fields of a request."""
    found: list[dict[str, Any]] = []
    for name, value in exc.details.items():
        if name == "problems":
            found += value
        elif isinstance(value, str):
            found.append({"field": name, "code": exc.code, "message": value})
        else:
            found.append({"field": name, "code": exc.code, "message": exc.message, "value": value})
    return found


@_answer_to.register
def _(exc: exceptions.APIException) -> Response:
    code, sentence = str(exc.default_code), str(exc.detail)
    for kind, name, message in _FRAMEWORK:
        if isinstance(exc, kind):
            code, sentence = name, message or sentence
            break
    headers: dict[str, str] = {}
    if scheme := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = scheme
    wait = getattr(exc, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(max(1, int(wait)))
    return Response(body(code, sentence), exc.status_code, headers=headers)


@_answer_to.register
def _(_exc: Http404) -> Response:
    return Response(body("not_found", _NOT_FOUND), 404)


@_answer_to.register
def _(_exc: DjangoPermissionDenied) -> Response:
    return Response(body("forbidden", _FORBIDDEN), 403)


@_answer_to.register
def _(_exc: SuspiciousOperation) -> Response:
    return Response(body("malformed", _MALFORMED), 400)


@_answer_to.register
def _(_exc: RequestDataTooBig) -> Response:
    return Response(body("too_large", TooLarge.default_detail), 413)


@_answer_to.register
def _(exc: IntegrityError) -> Response:
    log.warning("api.integrity_error", error=type(exc).__name__)
    return Response(
        body("conflict", "This contradicts what is already stored. Read it again and repeat."), 409
    )


@_answer_to.register
def _(exc: DataError) -> Response:
    log.warning("api.data_error", error=type(exc).__name__)
    return Response(body("invalid", "A value is too long or out of range."), 400)


@_answer_to.register(OperationalError)
@_answer_to.register(InterfaceError)
def _(exc: Exception) -> Response:
    log.error("api.database_unavailable", error=type(exc).__name__)
    return Response(
        body("unavailable", "The database did not answer. Try again in a few seconds."),
        503,
        headers={"Retry-After": str(RETRY_UNAVAILABLE_SECONDS)},
    )


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(API_ROOT)


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django itself refused: JSON under /api/, a page elsewhere."""
    if _is_api(request):
        if isinstance(exception, RequestDataTooBig):
            return answer("too_large", TooLarge.default_detail, http=413)
        return answer("malformed", _MALFORMED, http=400)
    return defaults.bad_request(request, exception)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what is forbidden: JSON under /api/, a page elsewhere."""
    if _is_api(request):
        return answer("forbidden", _FORBIDDEN, http=403)
    return defaults.permission_denied(request, exception)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown address: JSON under /api/, a page elsewhere."""
    if _is_api(request):
        return answer("not_found", _NOT_FOUND, http=404)
    return defaults.page_not_found(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    """Answer what nobody expected, without a word of what is inside: JSON under /api/, a page elsewhere."""
    if _is_api(request):
        return answer("internal", "Something went wrong on our side; nothing was stored.", http=500)
    return defaults.server_error(request)
