"""Ready-made journeys: load the product's own, begin a journey from one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction
from django.db.models import F, Q
from django.utils.text import slugify

from journeys.errors import Invalid
from journeys.language.calendar import Offset
from journeys.language.diff import Diff, digest_of
from journeys.language.errors import OffsetError
from journeys.models import Journey, JourneyTemplate, Vendor
from journeys.scoping import owned_by
from journeys.services.audit import record
from journeys.services.journeys import journey_create
from journeys.services.template_files import OwnLoader, Reading, TemplateFile, read
from journeys.services.versions import compare

#: Where the product's own templates are.
FOLDER = Path(__file__).resolve().parent.parent / "templates"
LONGEST_KEY = 60
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@transaction.atomic
def templates_sync(*, now: datetime) -> list[JourneyTemplate]:
    """Load every file of the product's templates, changing those that say something new.

    A second call changes nothing. A file that was removed takes its template with it; journeys begun from it stay.
    """
    loaded: list[JourneyTemplate] = []
    for path in sorted(FOLDER.glob("*.yaml")):
        content = yaml.load(path.read_text(encoding="utf-8"), OwnLoader)  # noqa: S506 a safe loader of our own
        values = {
            "name": content["name"],
            "description": content["description"].strip(),
            "vendor_kind": content.get("vendor_kind", ""),
            "definition": content["definition"],
        }
        template, added = JourneyTemplate.objects.get_or_create(
            vendor=None, key=path.stem, defaults={**values, "created_at": now, "updated_at": now}
        )
        changed = [key for key, value in values.items() if getattr(template, key) != value]
        if changed and not added:
            for key in changed:
                setattr(template, key, values[key])
            template.updated_at = now
            template.save(update_fields=[*changed, "updated_at"])
        loaded.append(template)
    JourneyTemplate.objects.filter(vendor=None).exclude(pk__in=[template.pk for template in loaded]).delete()
    return loaded


@transaction.atomic
def template_instantiate(
    *,
    template: JourneyTemplate,
    vendor: Vendor,
    name: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    now: datetime,
    actor: str,
) -> Journey:
    """Begin a vendor's journey from a template; a second call begins a second one.

    Each parameter takes its value from `parameters`, else from the vendor's settings ("parameters"), else from
    the template.

    Raises:
        Invalid: code `unknown_parameter` or `bad_parameter`.
    """
    declared: Mapping[str, Mapping[str, Any]] = template.definition.get("parameters", {})
    given = dict(parameters or {})
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        raise Invalid(
            f"The template has no parameter {unknown[0]!r}. It has: {', '.join(sorted(declared)) or 'none'}.",
            code="unknown_parameter",
            details={"parameters": unknown},
        )
    chosen = {**vendor.settings.get("parameters", {}), **given}
    resolved = {
        key: {**parameter, "value": _checked(key, parameter, chosen[key])}
        if key in chosen
        else dict(parameter)
        for key, parameter in declared.items()
    }
    journey = journey_create(
        vendor=vendor,
        name=template.name if name is None else name,
        description=template.description,
        definition={**template.definition, "parameters": resolved},
        now=now,
        actor=actor,
    )
    journey.template_key, journey.template_digest = template.key, digest_of(template.definition)
    journey.save(update_fields=["template_key", "template_digest"])
    return journey


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file."""

    reading: Reading
    #: None when the file has problems, and in a dry run of one that would be new.
    template: JourneyTemplate | None = None
    #: There was none of this key before.
    is_new: bool = False
    #: Against what the template of this key says so far, in plain sentences.
    changes: tuple[str, ...] = ()


@transaction.atomic
def template_import(
    *, vendor: Vendor, text: str, key: str | None = None, dry_run: bool = False, now: datetime, actor: str
) -> Imported:
    """Keep a file as a template of the vendor's own, in the place of the one of the same key.

    Its key is the one given here, else the file's, else made of its name. A file with problems changes nothing, and a
    second call changes nothing more. Journeys begun from it stay as they are.

    Raises:
        Invalid: code `bad_key`.
    """
    reading = read(text)
    if reading.file is None:
        return Imported(reading)
    named = key or reading.file.key or slugify(reading.file.name)[:LONGEST_KEY]
    if not named or len(named) > LONGEST_KEY or slugify(named) != named:
        raise Invalid("Give the template a key of small letters, digits, _ and -.", code="bad_key")
    known = owned_by(vendor, JourneyTemplate).select_for_update().filter(key=named).first()
    values = {
        "name": reading.file.name,
        "description": reading.file.description,
        "vendor_kind": reading.file.vendor_kind,
        "definition": dict(reading.file.definition),
    }
    said = tuple(compare(known.definition, values["definition"])[1]) if known else ()  # type: ignore[arg-type]
    if dry_run:
        return Imported(reading, known, is_new=known is None, changes=said)
    if known is None:
        known = JourneyTemplate.objects.create(
            vendor=vendor, key=named, created_at=now, updated_at=now, **values
        )
        record(vendor, actor, "template.imported", known, now, key=named)
        return Imported(reading, known, is_new=True)
    changed = [name for name, value in values.items() if getattr(known, name) != value]
    if changed:
        for name in changed:
            setattr(known, name, values[name])
        known.updated_at = now
        known.save(update_fields=[*changed, "updated_at"])
        record(vendor, actor, "template.imported", known, now, key=named, fields=changed)
    return Imported(reading, known, changes=said)


def template_file(template: JourneyTemplate) -> TemplateFile:
    """Give a template as a file."""
    return TemplateFile(
        template.name, template.definition, template.key, template.description, template.vendor_kind
    )


def journey_file(journey: Journey) -> TemplateFile:
    """Give a journey's draft as the file of a template; how often a client may enter goes with it."""
    definition = dict(journey.draft)
    entry = definition.get("entry") or {}
    if journey.re_entry != Journey.ReEntry.ONCE and isinstance(entry, dict) and "re_entry" not in entry:
        days = {"days": journey.re_entry_days} if journey.re_entry_days else {}
        definition["entry"] = {**entry, "re_entry": journey.re_entry, **days}
    key = journey.template_key or slugify(journey.name)[:LONGEST_KEY]
    return TemplateFile(journey.name, definition, key, journey.description, journey.vendor.kind)


def template_of(journey: Journey) -> JourneyTemplate | None:
    """Give the template a journey was begun from: the vendor's own of that key, else the product's."""
    if not journey.template_key:
        return None
    rows = JourneyTemplate.objects.filter(
        Q(vendor_id=journey.vendor_id) | Q(vendor=None), key=journey.template_key
    )
    return rows.order_by(F("vendor_id").asc(nulls_last=True)).first()


@dataclass(frozen=True, slots=True)
class TemplateDiff:
    """How a journey differs from the template it was begun from."""

    #: None when it was begun from none, or that is gone.
    template: JourneyTemplate | None
    #: The template says something else than when the journey was begun.
    template_changed: bool
    #: From the template to the journey's draft.
    diff: Diff
    sentences: tuple[str, ...]


def template_diff(journey: Journey) -> TemplateDiff:
    """Compare a journey's draft with its template."""
    template = template_of(journey)
    if template is None:
        return TemplateDiff(None, template_changed=False, diff=Diff(), sentences=())
    found, said = compare(template.definition, journey.draft)
    return TemplateDiff(
        template,
        template_changed=digest_of(template.definition) != journey.template_digest,
        diff=found,
        sentences=tuple(said),
    )


def _checked(name: str, parameter: Mapping[str, Any], value: Any) -> Any:
    """Give the value back when it is of the parameter's kind."""
    kind = parameter.get("kind")
    if kind == "offset" and isinstance(value, str):
        try:
            Offset.parse(value)
        except OffsetError as error:
            raise Invalid(
                f"The parameter {name!r}: {error}", code="bad_parameter", details={"name": name}
            ) from error
        return value
    fits = {
        "time": isinstance(value, str) and _TIME.fullmatch(value) is not None,
        "text": isinstance(value, str),
        "number": isinstance(value, (int, float)) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
    }
    if not fits.get(str(kind), False):
        raise Invalid(
            f"The parameter {name!r} is of the kind {kind}: write its value that way.",
            code="bad_parameter",
            details={"name": name},
        )
    return value
