"""Addresses of what is watched, below /api/."""

from __future__ import annotations

from journeys.api.routes import route
from monitoring.api.forecasts import ForecastView
from monitoring.api.views import AlertAcknowledge, Alerts

urlpatterns = [
    route("journey-engine/alerts", Alerts, "alerts"),
    route("journey-engine/alerts/<public_id:alert_id>/acknowledge", AlertAcknowledge, "alert-acknowledge"),
    route("journey-engine/forecast", ForecastView, "forecast"),
]
