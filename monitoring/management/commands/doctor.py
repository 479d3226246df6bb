"""Check on a live database that every promise holds."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from journeys import clock
from monitoring.invariants import INVARIANTS


class Command(BaseCommand):
    help = "Check the promises on the live database; exits with 1 when one is broken."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print the report for a program.")

    def handle(self, *_args: Any, **options: Any) -> None:
        now = clock.now()
        findings = [(one, one.check(now)) for one in INVARIANTS]
        broken = [one for one, finding in findings if finding.broken]
        if options["json"]:
            report = {
                "checked_at": now.isoformat(),
                "healthy": not broken,
                "invariants": [
                    {
                        "name": one.name,
                        "promise": one.promise,
                        "broken": finding.broken,
                        "examples": finding.examples,
                        "remedy": one.remedy if finding.broken else "",
                    }
                    for one, finding in findings
                ],
            }
            self.stdout.write(json.dumps(report, indent=2))
        else:
            for one, finding in findings:
                self.stdout.write(f"{'ok    ' if not finding.broken else 'BROKEN'}  {one.promise}")
                if finding.broken:
                    self.stdout.write(f"        {finding.broken} rows, such as {', '.join(finding.examples)}")
                    self.stdout.write(f"        {one.remedy}")
            held = len(findings) - len(broken)
            self.stdout.write(f"{held} of {len(findings)} promises hold.")
        if broken:
            sys.exit(1)
