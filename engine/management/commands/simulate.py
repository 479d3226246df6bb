"""Look ahead from a terminal: everything that would happen in a journey, and why."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from pydantic import ValidationError

from engine.services import simulating
from engine.simulation.given import Assumptions, InventedCouple
from engine.simulation.lines import lines_of_outlook
from journeys import clock
from journeys.errors import ServiceError
from journeys.models import Client, Journey
from journeys.scoping import owned_by

#: What `--invent` takes, and where it belongs.
INVENTED = {
    "wedding": ("wedding", "date"),
    "time": ("wedding", "time"),
    "zone": ("wedding", "zone"),
    "status": ("client", "status"),
    "locale": ("client", "locale"),
    "started": ("started",),
}


class Command(BaseCommand):
    help = "Tell everything that would happen in a journey, without anything happening."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--journey", required=True, help="Public id of the journey (jrn_…).")
        parser.add_argument("--draft", action="store_true", help="Its draft, instead of what is published.")
        parser.add_argument("--number", type=int, help="A version by its number.")
        parser.add_argument("--client", action="append", default=[], help="Public id; may be repeated.")
        parser.add_argument("--status", help="All clients of this status.")
        parser.add_argument(
            "--invent",
            action="append",
            default=[],
            metavar="NAME=VALUE,…",
            help=f"A couple that does not exist; names: {', '.join(INVENTED)}, or JSON. May be repeated.",
        )
        parser.add_argument("--from", dest="begin", choices=["here", "now", "start"], default="here")
        parser.add_argument("--ways", choices=["likely", "every"], default="likely")
        parser.add_argument("--choose", action="append", default=[], metavar="STEP=PORT")
        parser.add_argument("--answers", default="never", help="never, at_once, or JSON by step.")
        parser.add_argument("--texts", action="store_true", help="Print what would be sent.")
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, *_args: Any, **options: Any) -> None:
        now = clock.now()
        journey = (
            Journey.objects.select_related("vendor", "current_version")
            .filter(public_id=options["journey"])
            .first()
        )
        if journey is None:
            raise CommandError(f"There is no journey {options['journey']}.")
        try:
            subject = simulating.subject_of(
                journey=journey, version=options["number"], draft=options["draft"]
            )
            outlooks = simulating.simulate(
                subject=subject,
                assumptions=_assumptions(options),
                clients=_clients(journey, options),
                invented=[_invented(text) for text in options["invent"]],
                begin=options["begin"],
                now=now,
            )
        except ServiceError as error:
            raise CommandError(error.message) from error
        except ValidationError as error:
            raise CommandError(_said(error)) from error
        if not outlooks:
            raise CommandError("Name a client, a status, or invent a couple: nobody is looked at.")
        if options["json"]:
            found = [one.as_dict(texts=options["texts"]) for one in outlooks]
            self.stdout.write(json.dumps(found, ensure_ascii=False))
            return
        for outlook in outlooks:
            self.stdout.write("\n".join(lines_of_outlook(outlook, texts=options["texts"])))
            self.stdout.write("")


def _assumptions(options: dict[str, Any]) -> Assumptions:
    answers: Any = options["answers"]
    if answers.startswith("{"):
        answers = json.loads(answers)
    chosen = dict(pair.partition("=")[::2] for pair in options["choose"])
    return Assumptions.model_validate(
        {"ways": options["ways"], "chosen": chosen, "answers": answers, "texts": options["texts"]}
    )


def _clients(journey: Journey, options: dict[str, Any]) -> list[Client]:
    rows = owned_by(journey.vendor, Client)
    found = list(rows.filter(public_id__in=options["client"]))
    missing = set(options["client"]) - {client.public_id for client in found}
    if missing:
        raise CommandError(f"There is no client {min(missing)}.")
    if options["status"]:
        found += list(rows.filter(status=options["status"]).order_by("pk")[: simulating.MOST_CLIENTS])
    return list({client.pk: client for client in found}.values())


def _invented(text: str) -> InventedCouple:
    if text.lstrip().startswith("{"):
        return InventedCouple.model_validate_json(text)
    given: dict[str, Any] = {}
    for pair in text.split(","):
        name, _, value = pair.strip().partition("=")
        if name not in INVENTED:
            raise CommandError(f"{name!r} can not be invented here. Known: {', '.join(INVENTED)}.")
        place = given
        *path, last = INVENTED[name]
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return InventedCouple.model_validate(given)


def _said(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
