"""Tell what the time-zone database in use does to stored moments, and apply it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from engine.services import zones
from engine.services.zones import ZoneReport
from journeys import clock
from journeys.language.zones import local_time

#: Lines printed of what moved.
SHOWN = 50


class Command(BaseCommand):
    help = (
        "Compare the time-zone database in use (the pinned package tzdata) with the one that stored moments were "
        "computed with, and say which of them move. With --apply, compute them anew from what was meant."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--apply", action="store_true", help="Compute the moments anew and write it down."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        now = clock.now()
        report = zones.apply(now=now) if options["apply"] else zones.rehearse(now=now)
        if report is None:
            self.stdout.write("Another process is applying the database at this moment.")
            return
        self._tell(report, applied=options["apply"])

    def _tell(self, report: ZoneReport, *, applied: bool) -> None:
        was = report.was or "one that was not written down"
        self.stdout.write(f"In use: {report.version}. Stored moments were computed with {was}.")
        verb = "moved" if applied else "would move"
        self.stdout.write(f"{report.examined} passages looked at, {len(report.moved)} steps {verb}.")
        for one in report.moved[:SHOWN]:
            times = [
                f"{local_time(moment, one.zone):%a %d %b %Y, %H:%M}" if moment else "no date"
                for moment in (one.before, one.after)
            ]
            self.stdout.write(f"  {one.instance} {one.step}: {times[0]} to {times[1]} in {one.zone}")
        if len(report.moved) > SHOWN:
            self.stdout.write(f"  … and {len(report.moved) - SHOWN} more.")
        if not applied and report.version != report.was:
            self.stdout.write("Write it down with: python manage.py zones --apply")
