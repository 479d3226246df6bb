"""Every address of the REST API, as the URL configuration has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from journeys.api.base import VendorView


@dataclass(frozen=True, slots=True)
class Address:
    """One address and the view behind it."""

    #: Without a final slash, ids as {name}.
    template: str
    view: type[VendorView]

    def filled(self, ids: dict[str, Any]) -> str:
        """Put ids in the place of their names."""
        return self.template.format(**ids)

    @property
    def names(self) -> list[str]:
        """Name the ids in the address."""
        return re.findall(r"{(\w+)}", self.template)


def api_addresses() -> list[Address]:
    """List every address that is served by a view of a vendor's."""
    return list(_walk("/", get_resolver().url_patterns))


def _walk(prefix: str, patterns: list[Any]) -> Iterator[Address]:
    for pattern in patterns:
        whole = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(whole, pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
            if isinstance(view, type) and issubclass(view, VendorView):
                yield Address(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", whole).rstrip("/"), view)
