"""Write the reference of the language anew, or tell whether it is current."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from engine.language_docs import pages, rewritten


class Command(BaseCommand):
    """Write what is between the marks in docs/*.md from the declared step types, functions and facts."""

    help = "Write the reference of the journey language in docs/ anew; --check changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --check."""
        parser.add_argument("--check", action="store_true", help="Fail when a page is out of date.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through the pages."""
        del args
        stale = []
        for page in pages(Path(settings.BASE_DIR) / "docs"):
            written = page.read_text(encoding="utf-8")
            current = rewritten(written)
            if current != written:
                stale.append(page.name)
                if not options["check"]:
                    page.write_text(current, encoding="utf-8")
        if stale and options["check"]:
            names = ", ".join(stale)
            message = f"Out of date: {names}. Run: manage.py languagedocs"
            raise CommandError(message)
        self.stdout.write(f"Written anew: {', '.join(stale)}." if stale else "Every page is current.")
