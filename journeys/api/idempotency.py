"""A POST that is repeated with the same Idempotency-Key does its work once and gets the same answer again.

The work, and the record of its answer, are one transaction: a process that dies in between leaves neither, so
there is no state "in progress" that somebody would have to clear. A second request that comes while the first
one runs is told so by an advisory lock that ends with the transaction. Answers of 5xx are not remembered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection, transaction
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from journeys.models import IdempotencyRecord, Vendor
from journeys.scoping import owned_by

HEADER = "Idempotency-Key"
LONGEST_KEY = 200
#: How long an answer can be asked for again.
KEPT = timedelta(days=7)


class KeyReused(APIException):
    """The key stands for another request."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was used for another request. Use a new one for each request."


class StillRunning(APIException):
    """The first request with this key has not been answered yet."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "idempotency_in_progress"
    default_detail = "The first request with this Idempotency-Key is still running. Repeat it in a second."
    #: Seconds, for Retry-After.
    wait = 1


def answer_once(*, request: Request, vendor: Vendor, now: datetime, work: Callable[[], Response]) -> Response:
    """Do the work and remember the answer, or give the remembered one; opens its own transaction.

    `work` turns its own errors into answers, undoing what it wrote (it runs in a savepoint of its own).

    Raises:
        KeyReused: the key was used with another method, address or body.
        StillRunning: another request with this key is being answered at this moment.
    """
    key = _key(request)
    digest = _digest(request)
    with transaction.atomic():
        if not _lock(vendor, key):
            raise StillRunning
        record = owned_by(vendor, IdempotencyRecord).filter(key=key).first()
        if record is not None:
            if record.request_digest != digest:
                raise KeyReused
            return Response(record.body, record.status, headers={"Idempotency-Replayed": "true"})
        response = work()
        if response.status_code < status.HTTP_500_INTERNAL_SERVER_ERROR:
            IdempotencyRecord.objects.create(
                vendor=vendor,
                key=key,
                request_digest=digest,
                status=response.status_code,
                body=json.loads(JSONRenderer().render(response.data) or b"null"),
                created_at=now,
            )
        return response


def forget_old(*, now: datetime, kept: timedelta = KEPT) -> int:
    """Delete answers older than `kept` and return how many; a second call finds none."""
    return IdempotencyRecord.objects.filter(created_at__lt=now - kept).delete()[0]


def _key(request: Request) -> str:
    key = request.headers.get(HEADER, "")
    if not 1 <= len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise ValidationError({HEADER: f"Give 1 to {LONGEST_KEY} printable ASCII characters."})
    return key


def _digest(request: Request) -> str:
    plain = request._request  # noqa: SLF001 the body must be read before DRF's parser takes the stream
    head = f"{plain.method} {plain.get_full_path()}\n"
    return hashlib.sha256(head.encode() + plain.body).hexdigest()


def _lock(vendor: Vendor, key: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"idempotency:{vendor.pk}:{key}"]
        )
        return bool(cursor.fetchone()[0])
