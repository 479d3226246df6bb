"""Check, export, import and compare templates as YAML files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from journeys import clock
from journeys.errors import ServiceError
from journeys.models import Journey, JourneyTemplate, Vendor
from journeys.services import template_files, templates
from journeys.services.versions import compare

ACTOR = "command:templates"


class Command(BaseCommand):
    help = "Check, export, import and compare templates as YAML files."

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        check = deeds.add_parser("check", help="Read files and name every problem with its line.")
        check.add_argument("files", nargs="*", type=Path, help="Without any: those of the product.")
        export = deeds.add_parser(
            "export", help="Print a template (tpl_…) or a journey's draft (jrn_…) as a file."
        )
        export.add_argument("id")
        bring = deeds.add_parser("import", help="Keep a file as a vendor's own template.")
        bring.add_argument("file", type=Path)
        bring.add_argument("--vendor", required=True, help="The vendor's id (ven_…).")
        bring.add_argument("--key", help="In place of the file's own key.")
        bring.add_argument(
            "--dry-run", action="store_true", help="Change nothing, and say what would change."
        )
        diff = deeds.add_parser(
            "diff", help="Say how a journey differs from its template, or a file from another."
        )
        diff.add_argument("what", nargs="+", help="A journey's id (jrn_…), or two files.")

    def handle(self, *_args: Any, **options: Any) -> None:
        deed = {
            "check": self._check,
            "export": self._export,
            "import": self._import,
            "diff": self._diff,
        }[options["deed"]]
        try:
            deed(options)
        except ServiceError as refusal:
            raise CommandError(refusal.message) from refusal

    def _check(self, options: dict[str, Any]) -> None:
        paths = options["files"] or sorted(templates.FOLDER.glob("*.yaml"))
        wrong = 0
        for path in paths:
            reading = template_files.read(_text(path))
            wrong += len(reading.problems)
            for problem in reading.problems:
                self.stdout.write(f"{path}:{problem}")
        if wrong:
            message = f"{wrong} problem{'s' * (wrong != 1)} in {len(paths)} file{'s' * (len(paths) != 1)}."
            raise CommandError(message)
        self.stdout.write(f"{len(paths)} file{'s' * (len(paths) != 1)}, no problem.")

    def _export(self, options: dict[str, Any]) -> None:
        journey = Journey.objects.select_related("vendor").filter(public_id=options["id"]).first()
        template = JourneyTemplate.objects.filter(public_id=options["id"]).first()
        if journey is not None:
            self.stdout.write(template_files.written(templates.journey_file(journey)), ending="")
        elif template is not None:
            self.stdout.write(template_files.written(templates.template_file(template)), ending="")
        else:
            message = f"There is no journey and no template {options['id']!r}."
            raise CommandError(message)

    def _import(self, options: dict[str, Any]) -> None:
        vendor = Vendor.objects.filter(public_id=options["vendor"]).first()
        if vendor is None:
            message = f"There is no vendor {options['vendor']!r}."
            raise CommandError(message)
        done = templates.template_import(
            vendor=vendor,
            text=_text(options["file"]),
            key=options["key"],
            dry_run=options["dry_run"],
            now=clock.now(),
            actor=ACTOR,
        )
        for problem in done.reading.problems:
            self.stdout.write(f"{options['file']}:{problem}")
        if done.reading.file is None:
            message = "Nothing was imported. Mend the problems first."
            raise CommandError(message)
        for sentence in done.changes:
            self.stdout.write(sentence)
        would = "would be" if options["dry_run"] else "is"
        what = "new" if done.is_new else ("changed" if done.changes else "unchanged")
        self.stdout.write(f"The template {would} {what}.")

    def _diff(self, options: dict[str, Any]) -> None:
        what = options["what"]
        if len(what) == 1:
            journey = Journey.objects.filter(public_id=what[0]).first()
            found = templates.template_diff(journey) if journey is not None else None
            if found is None or found.template is None:
                message = f"There is no journey {what[0]!r} that was begun from a template."
                raise CommandError(message)
            said = list(found.sentences)
        else:
            one, other = (_definition(Path(name)) for name in what[:2])
            said = compare(one, other)[1]
        self.stdout.write("\n".join(said) if said else "They say the same.")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} can not be read as a text file: {type(error).__name__}."
        raise CommandError(message) from error


def _definition(path: Path) -> dict[str, Any]:
    reading = template_files.read(_text(path))
    if reading.file is None:
        message = f"{path}:{reading.problems[0]}"
        raise CommandError(message)
    return dict(reading.file.definition)
