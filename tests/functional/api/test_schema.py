"""The OpenAPI schema is complete."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client as HttpClient

from tests.functional.api.addresses import api_addresses


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    found: dict[str, Any] = yaml.safe_load(out.getvalue())
    return found


def test_schema_is_valid_without_a_warning(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.")


def test_every_address_is_in_the_schema(schema: dict[str, Any]) -> None:
    described = {path.rstrip("/") for path in schema["paths"]}

    assert {address.template for address in api_addresses()} <= described


def test_every_operation_is_described(schema: dict[str, Any]) -> None:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation.get("summary"), f"{method} {path}"
            assert operation.get("description"), f"{method} {path}"
            assert any(code.startswith("2") for code in operation["responses"]), f"{method} {path}"


def test_errors_have_one_shape(schema: dict[str, Any]) -> None:
    shape = schema["components"]["schemas"]["Error"]

    assert sorted(shape["properties"]) == ["code", "details", "message"]
    for operations in schema["paths"].values():
        for operation in operations.values():
            answer = operation["responses"].get("400")
            if answer is not None:
                ref = answer["content"]["application/json"]["schema"]["$ref"]
                assert ref == "#/components/schemas/Error"


def test_schema_and_its_pages_need_no_key(db: None) -> None:
    http = HttpClient()

    assert http.get("/api/schema").status_code == 200
    assert http.get("/api/docs/").status_code == 200
