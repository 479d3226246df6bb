"""Run journey tests that are written as files."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from engine.testing.checking import run
from engine.testing.files import Unreadable, find_files, read_tests

DEFAULT = Path("tests") / "journeys"


class Command(BaseCommand):
    help = "Run journey tests: given a couple and what happens, expect these messages on these days."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="*", type=Path, help=f"Files or folders; {DEFAULT} without any.")
        parser.add_argument("--update", action="store_true", help="Write golden calendars anew.")

    def handle(self, *_args: Any, **options: Any) -> None:
        paths = options["paths"] or [Path(settings.BASE_DIR) / DEFAULT]
        missing = [path for path in paths if not path.exists()]
        if missing:
            raise CommandError(f"There is nothing at {missing[0]}.")
        count = failed = updated = 0
        for path in find_files(paths):
            try:
                tests = read_tests(path)
            except Unreadable as error:
                failed += 1
                self.stdout.write(f"FAILED  {error}")
                continue
            for test in tests:
                checked = run(test, path, update=options["update"])
                count += 1
                updated += checked.updated
                name = f"{path.stem}{f': {test.name}' if test.name else ''}"
                if checked.passed:
                    self.stdout.write(
                        f"ok      {name}{' (golden calendar written)' if checked.updated else ''}"
                    )
                    continue
                failed += 1
                self.stdout.write(f"FAILED  {name}")
                self.stdout.write("\n".join(f"        {line}" for line in str(checked).splitlines()))
        if failed:
            raise CommandError(f"{failed} of {max(count, failed)} journey tests failed.")
        said = f", {updated} golden calendars written" if updated else ""
        self.stdout.write(f"{count} journey tests passed{said}.")
