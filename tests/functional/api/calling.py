"""A caller that speaks JSON, and vendors to call for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.test import Client as HttpClient

from journeys.models import Vendor
from journeys.services.api_keys import api_key_create

WRITTEN = datetime(2027, 4, 14, 9, 0, tzinfo=UTC)


class Caller:
    """Call the API as an integration with one vendor's key."""

    def __init__(self, vendor: Vendor, key: str) -> None:
        self.vendor = vendor
        self.key = key
        self.http = HttpClient(raise_request_exception=False)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.http.generic(
            method,
            path,
            raw,
            content_type="application/json",
            headers={"Authorization": f"Api-Key {self.key}", **headers},
        )

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.call("POST", path, {} if body is None else body, **headers)

    def patch(self, path: str, body: Any) -> HttpResponse:
        return self.call("PATCH", path, body)

    def put(self, path: str, body: Any) -> HttpResponse:
        return self.call("PUT", path, body)

    def delete(self, path: str) -> HttpResponse:
        return self.call("DELETE", path)


def make_caller(vendor: Vendor) -> Caller:
    _, key = api_key_create(vendor=vendor, name="test", now=WRITTEN, actor="test")
    return Caller(vendor, key)
