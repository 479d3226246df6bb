"""Ready-made journeys: load the product's own, begin a journey from one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from journeys.errors import Invalid
from journeys.language.calendar import Offset
from journeys.language.errors import OffsetError
from journeys.models import Journey, JourneyTemplate, Vendor
from journeys.services.journeys import journey_create

#: Where the product's own templates are.
FOLDER = Path(__file__).resolve().parent.parent / "templates"
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@transaction.atomic
def templates_sync(*, now: datetime) -> list[JourneyTemplate]:
    """Load every file of the product's templates, changing those that say something new.

    A second call changes nothing. A file that was removed takes its template with it; journeys begun from it stay.
    """
    loaded: list[JourneyTemplate] = []
    for path in sorted(FOLDER.glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
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
    return journey_create(
        vendor=vendor,
        name=template.name if name is None else name,
        description=template.description,
        definition={**template.definition, "parameters": resolved},
        now=now,
        actor=actor,
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
