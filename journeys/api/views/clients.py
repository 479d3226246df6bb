"""Clients: who is carried through journeys."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from journeys.api.base import VendorView
from journeys.api.schema import operation
from journeys.api.serializers.clients import ClientChange, ClientCreate, ClientDetail, ClientQuery
from journeys.contacts import normal_email
from journeys.encryption import blind_index
from journeys.models import Client
from journeys.services.clients import client_add, client_change, tag_add, tag_remove
from journeys.services.weddings import StakeholderData, WeddingData

TAG = "Clients"
EXAMPLE = {
    "status": "booked",
    "external_ref": "crm-1042",
    "tags": ["outdoor"],
    "fields": {"package": "Full day"},
    "partners": [
        {"first_name": "Ana", "last_name": "Reis", "email": "ana@example.com", "phone": "+351912345678"},
        {"first_name": "Tom", "last_name": "Hill", "email": "tom@example.com"},
    ],
    "wedding": {
        "date": "2027-06-12",
        "time": "15:30",
        "time_zone": "Europe/Lisbon",
        "venue": "Quinta do Vale",
        "region": "PT",
        "guest_count": 90,
        "anchors": {"engagement_shoot": "2027-03-20"},
    },
    "stakeholders": [{"role": "planner", "first_name": "Rita", "email": "rita@example.com"}],
}


class ClientRows:
    """Give clients with everything that their answer shows, in a fixed number of queries."""

    def clients(self: Any) -> QuerySet[Client]:
        """Return the vendor's clients."""
        rows: QuerySet[Client] = self.rows(Client)
        return rows.prefetch_related(
            "tags", "weddings__client", "weddings__anchors", "weddings__stakeholders"
        )


class Clients(ClientRows, VendorView):
    """All clients of the vendor."""

    @operation("List clients", tag=TAG, answers=ClientDetail(many=True), query=ClientQuery)
    def get(self, request: Request) -> Response:
        """Newest first; filtered by status, tag, exact address, or the key in your own system."""
        del request
        query = self.read_query(ClientQuery)
        rows = self.clients()
        if "status" in query:
            rows = rows.filter(status=query["status"])
        if "tag" in query:
            rows = rows.filter(tags__name=query["tag"])
        if "email" in query:
            rows = rows.filter(email_index=blind_index(normal_email(query["email"])))
        if "external_ref" in query:
            rows = rows.filter(external_ref=query["external_ref"])
        return self.page(rows, ClientDetail)

    @operation("Add a client", tag=TAG, takes=ClientCreate, answers=ClientDetail, status=201, example=EXAMPLE)
    def post(self, request: Request) -> Response:
        """Add a client with the wedding and its people; journeys that begin with a new client may start."""
        del request
        data = self.read_body(ClientCreate)
        wedding = data.pop("wedding", None)
        partners = [
            StakeholderData(role=f"partner_{number}", **person)
            for number, person in enumerate(data.pop("partners", []), start=1)
        ]
        others = [StakeholderData(**person) for person in data.pop("stakeholders", [])]
        client = client_add(
            vendor=self.vendor,
            wedding=None if wedding is None else WeddingData(**wedding),
            stakeholders=[*partners, *others],
            now=self.now,
            actor=self.actor,
            **data,
        )
        return self.write(self.one(self.clients(), client.public_id), ClientDetail, status=201)


class ClientView(ClientRows, VendorView):
    """One client."""

    @operation("Read a client", tag=TAG, answers=ClientDetail)
    def get(self, request: Request, client_id: str) -> Response:
        """With their weddings, the people around them, and tags."""
        del request
        return self.write(self.one(self.clients(), client_id), ClientDetail)

    @operation("Change a client", tag=TAG, takes=ClientChange, answers=ClientDetail)
    def patch(self, request: Request, client_id: str) -> Response:
        """Change what is given and leave the rest; the same request again changes nothing."""
        del request
        client = self.one(Client, client_id)
        data = self.read_body(ClientChange)
        tags = data.pop("tags", None)
        with transaction.atomic():
            client_change(client=client, now=self.now, actor=self.actor, **data)
            if tags is not None:
                self._set_tags(client, {tag.strip() for tag in tags})
        return self.write(self.one(self.clients(), client_id), ClientDetail)

    def _set_tags(self, client: Client, wanted: set[str]) -> None:
        present = set(client.tags.values_list("name", flat=True))
        for name in sorted(present - wanted):
            tag_remove(client=client, name=name, now=self.now, actor=self.actor)
        for name in sorted(wanted - present):
            tag_add(client=client, name=name, now=self.now, actor=self.actor)
