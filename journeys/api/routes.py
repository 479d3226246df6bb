"""Addresses that work with and without a final slash."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, register_converter
from django.urls.converters import StringConverter
from django.urls.resolvers import RoutePattern
from rest_framework.views import APIView


class PublicIdConverter(StringConverter):
    """Match a public id such as `jrn_7Qh…`, so that words like `trigger` stay free for other addresses."""

    regex = "[a-z]{3}_[A-Za-z0-9]{1,28}"


register_converter(PublicIdConverter, "public_id")


class OptionalSlash(RoutePattern):
    """Match an address as it is written, or with one slash more."""

    def match(self, path: str) -> Any:
        """Return what is left, no positional arguments, and the named ones; None when it does not match."""
        return super().match(path.removesuffix("/"))


def route(address: str, view: type[APIView], name: str) -> URLPattern:
    """Declare an address below /api/, written without a final slash."""
    return URLPattern(OptionalSlash(address, name=name, is_endpoint=True), view.as_view(), None, name)
