"""The page about the API names every address with its methods."""

from __future__ import annotations

import re
from pathlib import Path

from tests.functional.api.addresses import api_addresses

PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"
METHODS = ("get", "post", "put", "patch", "delete")


def test_page_names_every_address_with_its_methods() -> None:
    rows = re.findall(r"^\| `(/api/[^`]+)` \| ([A-Z, ]+) \|", PAGE.read_text(), re.MULTILINE)
    expected = {
        address.template: [method.upper() for method in METHODS if hasattr(address.view, method)]
        for address in api_addresses()
    }

    assert {path: methods.split(", ") for path, methods in rows} == expected
