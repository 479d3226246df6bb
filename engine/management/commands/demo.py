"""Load the demo: a vendor of each kind, 200 couples, journeys under way."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from engine.services.demo import VENDORS, demo_load, demo_standing
from journeys import clock


class Command(BaseCommand):
    help = "Load the demo's vendors, couples and journeys, where they are missing. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="Do nothing where the demo is loaded already."
        )
        parser.add_argument(
            "--facts",
            type=Path,
            default=Path(settings.BASE_DIR) / "var" / "demo.json",
            help="File that user, password and API key are written to.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        standing = demo_standing()
        if options["once"] and standing.vendors == len(VENDORS) and options["facts"].exists():
            self.stdout.write(f"The demo is loaded: {standing.couples} couples.")
            return
        for line in demo_load(now=clock.now(), facts_file=options["facts"]):
            self.stdout.write(line)
        standing = demo_standing()
        self.stdout.write(
            f"{standing.couples} couples of {standing.vendors} vendors, {standing.journeys} journeys published, "
            f"{standing.instances} passages begun."
        )
