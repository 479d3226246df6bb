"""Say what the days ahead bring to the whole system, or to one vendor."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from journeys import clock
from journeys.errors import Invalid
from journeys.models import Vendor
from monitoring.forecast import USUAL_DAYS, Forecast, forecast
from monitoring.forecast.telling import as_json


class Command(BaseCommand):
    help = "Count the steps of the days ahead by queue, name the peaks, and say which processes they need."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=USUAL_DAYS, help="How far ahead; today is the first.")
        parser.add_argument("--vendor", default="", help="Public id of one vendor; without it, all of them.")
        parser.add_argument("--json", action="store_true", help="Print it for a program.")

    def handle(self, *_args: Any, **options: Any) -> None:
        vendor = None
        if options["vendor"]:
            vendor = Vendor.objects.filter(public_id=options["vendor"]).first()
            if vendor is None:
                message = f"There is no vendor {options['vendor']}: give its public id, such as ven_…"
                raise CommandError(message)
        try:
            found = forecast(vendor=vendor, days=options["days"], now=clock.now())
        except Invalid as error:
            raise CommandError(error.message) from error
        if options["json"]:
            self.stdout.write(json.dumps(as_json(found), indent=2, cls=DjangoJSONEncoder))
        else:
            self._tell(found)

    def _tell(self, found: Forecast) -> None:
        """Write the days that bring anything, and what the queues need."""
        self.stdout.write(
            f"{'day':<12}{'weddings':>9}{'standing':>10}{'to start':>10}{'to follow':>11}{'steps':>9}"
        )
        for day in found.days:
            if day.total or day.weddings:
                self.stdout.write(
                    f"{day.date.isoformat():<12}{day.weddings:>9,}{day.standing:>10,.0f}{day.to_start:>10,.0f}"
                    f"{day.to_follow:>11,.0f}{day.total:>9,.0f}{'  peak' if day.is_peak else ''}"
                )
        self.stdout.write(
            f"{found.mean:,.0f} steps a day on average; days by the clock of {found.time_zone}."
        )
        for one in found.queues:
            self.stdout.write(
                f"{one.queue}: {one.steps:,.0f} steps, {one.busiest_steps:,.0f} in the busiest hour, "
                f"needs {one.processes_needed} of {one.processes_there} processes"
            )
        left = found.left_out
        self.stdout.write(
            f"Left out: {left.paused:,} passages that are paused, {left.parked:,} steps that wait for a date or a "
            f"person, {left.open_ended:,} that wait for an answer however long it takes, "
            f"{found.unreadable:,} versions that can not be read."
        )
