"""Weddings: the day, the other dates, and moving them."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from journeys.api.base import VendorView
from journeys.api.schema import operation
from journeys.api.serializers.clients import WeddingChange, WeddingDetail, WeddingQuery
from journeys.models import Wedding
from journeys.services.weddings import (
    StakeholderData,
    anchor_set,
    stakeholder_set,
    wedding_change,
)

TAG = "Weddings"


class WeddingRows:
    """Give weddings with everything that their answer shows, in a fixed number of queries."""

    def weddings(self: Any) -> QuerySet[Wedding]:
        """Return the vendor's weddings."""
        rows: QuerySet[Wedding] = self.rows(Wedding)
        return rows.select_related("client").prefetch_related("anchors", "stakeholders")


class Weddings(WeddingRows, VendorView):
    """All weddings of the vendor."""

    @operation("List weddings", tag=TAG, answers=WeddingDetail(many=True), query=WeddingQuery)
    def get(self, request: Request) -> Response:
        """Newest first; filtered by status, client, and dates (both included)."""
        del request
        query = self.read_query(WeddingQuery)
        rows = self.weddings()
        if "status" in query:
            rows = rows.filter(status=query["status"])
        if "client_id" in query:
            rows = rows.filter(client__public_id=query["client_id"])
        if "date_from" in query:
            rows = rows.filter(date__gte=query["date_from"])
        if "date_to" in query:
            rows = rows.filter(date__lte=query["date_to"])
        return self.page(rows, WeddingDetail)


class WeddingView(WeddingRows, VendorView):
    """One wedding."""

    @operation("Read a wedding", tag=TAG, answers=WeddingDetail)
    def get(self, request: Request, wedding_id: str) -> Response:
        """With its other dates and the people around it."""
        del request
        return self.write(self.one(self.weddings(), wedding_id), WeddingDetail)

    @operation("Change a wedding", tag=TAG, takes=WeddingChange, answers=WeddingDetail)
    def patch(self, request: Request, wedding_id: str) -> Response:
        """Change place, guests, other dates and people; steps that hang on a date follow it at once."""
        del request
        wedding = self.one(Wedding, wedding_id)
        data = self.read_body(WeddingChange)
        anchors, people = data.pop("anchors", {}), data.pop("stakeholders", [])
        with transaction.atomic():
            wedding_change(wedding=wedding, now=self.now, actor=self.actor, **data)
            for name, date in anchors.items():
                anchor_set(wedding=wedding, name=name, date=date, now=self.now, actor=self.actor)
            for person in people:
                stakeholder_set(
                    wedding=wedding, person=StakeholderData(**person), now=self.now, actor=self.actor
                )
        return self.write(self.one(self.weddings(), wedding_id), WeddingDetail)
