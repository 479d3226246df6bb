"""Looking ahead: everything that would happen, without anything happening."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError as Unreadable
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.simulation import SimulationAnswer, SimulationInput
from engine.services import simulating
from engine.services.simulating import sums_of
from engine.simulation.given import Assumptions, InventedCouple
from journeys.api.base import VendorView
from journeys.api.schema import operation
from journeys.models import Client, Journey

#: Couples for whom texts are rendered, and every way is followed.
MOST_IN_DETAIL = 50
EXAMPLE = {
    "invented": [{"wedding": {"date": "2027-06-12", "time": "15:30", "zone": "Europe/Lisbon"}}],
    "ways": "every",
    "answers": "at_once",
}


class JourneySimulate(VendorView):
    """The future of a journey."""

    @operation(
        "Simulate a journey", tag="Journeys", takes=SimulationInput, answers=SimulationAnswer, example=EXAMPLE
    )
    def post(self, request: Request, journey_id: str) -> Response:
        """Tell everything that would happen, for clients, all clients of a status, or invented couples.

        The engine's own code runs over couples in memory, with the time running ahead: nothing is written and nothing
        is sent. Each couple comes with its way, or with every way and what leads to it. 400 `nobody` without couples.
        """
        del request
        journey = self.one(self.rows(Journey).select_related("vendor", "current_version"), journey_id)
        data = self.read_body(SimulationInput)
        subject = simulating.subject_of(journey=journey, version=data["version"], draft=data["draft"])
        clients = self._clients(data)
        invented = [_read(InventedCouple, one, f"invented.{n}") for n, one in enumerate(data["invented"])]
        if not clients and not invented:
            raise ValidationError(
                {"clients": "Name clients, a status, or invent a couple: nobody is looked at."}, "nobody"
            )
        if len(clients) + len(invented) > MOST_IN_DETAIL and (data["texts"] or data["ways"] == "every"):
            said = f"For more than {MOST_IN_DETAIL} couples, follow one way and leave texts out."
            raise ValidationError({"texts": said})
        names = ("ways", "chosen", "events", "answers", "texts", "until")
        outlooks = simulating.simulate(
            subject=subject,
            assumptions=_read(Assumptions, {name: data[name] for name in names if name in data}, ""),
            clients=clients,
            invented=invented,
            begin=data["begin"],
            variables=data["variables"],
            now=self.now,
        )
        return Response(
            {
                "journey_id": journey.public_id,
                "version": subject.version.number if subject.version else None,
                "at": self.now.isoformat(),
                "sums": sums_of(outlooks),
                "couples": [one.as_dict(texts=data["texts"]) for one in outlooks] if data["calendar"] else [],
            }
        )

    def _clients(self, data: Mapping[str, Any]) -> list[Client]:
        wanted = list(dict.fromkeys(data["clients"]))
        found = {row.public_id: row for row in self.rows(Client).filter(public_id__in=wanted)}
        if len(found) < len(wanted):
            raise NotFound
        if data["status"]:
            rows = self.rows(Client).filter(status=data["status"]).order_by("pk")
            found.update({row.public_id: row for row in rows[: simulating.MOST_CLIENTS]})
        return list(found.values())


def _read(model: Any, value: Any, place: str) -> Any:
    """Read one part of the body with its model.

    Raises:
        ValidationError: naming every field that is wrong.
    """
    try:
        return model.model_validate(value)
    except Unreadable as error:
        problems: dict[str, str] = {}
        for one in error.errors(include_url=False, include_input=False, include_context=False):
            parts = [place, *(str(part) for part in one["loc"])]
            problems[".".join(part for part in parts if part) or "body"] = one["msg"]
        raise ValidationError(problems) from error
