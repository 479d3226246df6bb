"""The REST API: who may speak, in what shape, how much and how often."""

from __future__ import annotations

from typing import Any

from config.env import env

MAX_BODY_BYTES = env.max_body_bytes
DATA_UPLOAD_MAX_MEMORY_SIZE = env.max_body_bytes
API_RATE_PER_MINUTE = env.api_rate_per_minute

#: Paths work with and without a final slash, so nothing is redirected.
APPEND_SLASH = False

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "journeys.api.auth.ApiKeyAuthentication",
        "journeys.api.auth.VendorSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["journeys.api.limits.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "journeys.api.pagination.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "journeys.api.errors.exception_handler",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "WedSync journeys",
    "DESCRIPTION": "Automated customer journeys for wedding vendors.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
