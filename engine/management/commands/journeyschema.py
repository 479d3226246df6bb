"""Print the JSON Schema of a journey's definition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from engine.definition_schema import definition_schema

#: Where the schema is kept with the documents.
FILE = Path(__file__).resolve().parents[3] / "docs" / "journey.schema.json"


def written() -> str:
    """Write the schema the way it is kept."""
    return json.dumps(definition_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


class Command(BaseCommand):
    help = (
        "Print the JSON Schema of a journey's definition, with every step and trigger type that is installed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help=f"Write it to docs/{FILE.name}.")
        parser.add_argument(
            "--check", action="store_true", help="Fail when the file there says something else."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        text = written()
        if options["check"]:
            if not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
                message = f"docs/{FILE.name} is out of date: run `manage.py journeyschema --write`."
                raise CommandError(message)
            return
        if options["write"]:
            FILE.write_text(text, encoding="utf-8")
            return
        self.stdout.write(text, ending="")
