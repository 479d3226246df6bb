"""Every address of the system; each app lists its own."""

from __future__ import annotations

from csp.decorators import csp_update
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

# Swagger's page carries a few lines of style of its own.
docs = csp_update({"style-src": ["'unsafe-inline'"]})(SpectacularSwaggerSplitView.as_view(url_name="schema"))

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    re_path(r"^api/schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^api/docs/?$", docs, name="api-docs"),
    path("api/", include("journeys.api.urls")),
    path("api/", include("channels.api.urls")),
    path("api/", include("engine.api.urls")),
    path("api/", include("monitoring.api.urls")),
    path("", include("engine.urls")),
    path("", include("channels.urls")),
    path("", include("monitoring.urls")),
]

handler400 = "journeys.api.errors.handler400"
handler403 = "journeys.api.errors.handler403"
handler404 = "journeys.api.errors.handler404"
handler500 = "journeys.api.errors.handler500"
