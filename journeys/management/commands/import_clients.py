"""Import couples from a CSV file."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from journeys import clock
from journeys.errors import Invalid
from journeys.models import Vendor
from journeys.services.importing import Report, import_rows, read_rows

ACTOR = "command:import_clients"


class Command(BaseCommand):
    help = "Import couples from a CSV file. Only says what would happen, until --apply is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument("--vendor", required=True, metavar="ven_…", help="public id of the vendor")
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument(
            "--dry-run", action="store_true", help="change nothing, only report (the default)"
        )
        choice.add_argument("--apply", action="store_true", help="import the good rows")

    def handle(self, *_args: Any, **options: Any) -> None:
        vendor = Vendor.objects.filter(public_id=options["vendor"]).first()
        if vendor is None:
            raise CommandError(f"There is no vendor {options['vendor']!r}: copy its id from the admin.")
        apply: bool = options["apply"]
        report = _import(vendor, options["file"], apply=apply)
        for refusal in sorted(report.refusals, key=lambda refusal: refusal.line):
            where = f"line {refusal.line}" + (f", {refusal.column}" if refusal.column else "")
            self.stderr.write(f"{where}: {refusal.reason}")
        added = "added" if apply else "would be added"
        self.stdout.write(
            f"{report.rows} rows: {report.added} {added}, {report.known} there already, {report.refused} refused."
        )
        if not apply:
            self.stdout.write("Nothing was changed. Import the good rows with --apply.")
        if report.refusals:
            sys.exit(1)


def _import(vendor: Vendor, file: Path, *, apply: bool) -> Report:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows, unreadable = read_rows(lines)
    except OSError as error:
        raise CommandError(f"The file can not be opened: {error.strerror}.") from error
    except Invalid as error:
        raise CommandError(error.message) from error
    report = import_rows(vendor=vendor, rows=rows, apply=apply, now=clock.now(), actor=ACTOR)
    report.rows += len(unreadable)
    report.refusals.extend(unreadable)
    return report
