"""Alerts: what is wrong with this vendor's work, and who has taken it up."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation
from monitoring.api.serializers import AlertDetail, AlertQuery
from monitoring.models import Alert
from monitoring.services.alerts import alert_acknowledge

TAG = "Operation"


class AlertRows(VendorView):
    """Give the vendor's alerts; those about the whole system are its operators' (`/metrics`, the monitor)."""

    def alerts(self) -> QuerySet[Alert]:
        """Return what was seen for certain."""
        return self.rows(Alert).exclude(status=Alert.Status.SUSPECTED)


class Alerts(AlertRows):
    """All alerts of the vendor."""

    @operation("List alerts", tag=TAG, answers=AlertDetail(many=True), query=AlertQuery)
    def get(self, request: Request) -> Response:
        """Newest first; filtered by status and level."""
        del request
        return self.page(self.alerts().filter(**self.read_query(AlertQuery)), AlertDetail)


class AlertAcknowledge(AlertRows):
    """Taking an alert up."""

    @operation("Acknowledge an alert", tag=TAG, takes=NoParameters, answers=AlertDetail)
    def post(self, request: Request, alert_id: str) -> Response:
        """Say that somebody is at it: no further letter goes out. Twice changes nothing. 409 `resolved` when mended."""
        del request
        alert = self.one(self.alerts(), alert_id)
        self.read_body(NoParameters)
        return self.write(alert_acknowledge(alert=alert, now=self.now, actor=self.actor), AlertDetail)
