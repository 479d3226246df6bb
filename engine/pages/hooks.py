"""The door for other services: JSON in, an event, and nothing said about what follows from it."""

from __future__ import annotations

from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from rest_framework.exceptions import ParseError

from engine.pages.leaf import is_too_often
from engine.services import incoming
from journeys import clock
from journeys.api.limits import read_json, unstorable
from journeys.errors import ServiceError

#: Calls of one service in one minute.
MOST_CALLS = 600


@csrf_exempt  # The secret in the address is the proof; no cookie is looked at.
@require_POST
def incoming_hook(request: HttpRequest, token: str) -> JsonResponse:
    """Answer 202 with the event's id; the same call again gets the same answer.

    What breaks by a fault of ours is kept for a person, and answered with `kept`.
    """
    now, hook = clock.now(), incoming.hook_of(token=token)
    if hook is None:
        return _refusal("not_found", "There is nothing here.", 404)
    if is_too_often(what="hook", key=token, now=now, most=MOST_CALLS):
        answer = _refusal("throttled", "Too many calls within a minute. Repeat it in a minute.", 429)
        answer["Retry-After"] = "60"
        return answer
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        content = _content(request.body)
        event = incoming.hook_receive(hook=hook, headers=headers, content=content, body=request.body, now=now)
    except ParseError as error:
        return _refusal("malformed", str(error.detail), 400)
    except ServiceError as error:
        return _refusal(error.code, error.message, error.http_status)
    except (InterfaceError, OperationalError):
        raise
    except Exception as error:  # noqa: BLE001 a fault of ours: others do not always repeat what they tell
        letter = incoming.hook_keep(hook=hook, headers=headers, body=request.body, error=error, now=now)
        return JsonResponse({"kept": letter.public_id}, status=202)
    return JsonResponse({"event": event.public_id}, status=202)


def _content(body: bytes) -> Any:
    """Read JSON that can be kept.

    Raises:
        ParseError: it is not.
    """
    content = read_json(body)
    for problem in unstorable(content):
        raise ParseError(problem)
    return content


def _refusal(code: str, message: str, status: int) -> JsonResponse:
    return JsonResponse({"code": code, "message": message, "details": []}, status=status)
