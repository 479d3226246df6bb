"""Load instances with those they belong to by a statement that is written once.

Django writes the same statement anew for each batch, which takes longer than PostgreSQL takes for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model

from engine.models import Instance
from journeys.models import Client, Vendor, Wedding

#: Makes a value of the model's from one of the database's, as Django asks a field to.
Reading = Callable[[Any, None, Any], Any]

_BESIDE = """
    JOIN journeys_vendor ON journeys_vendor.id = engine_instance.vendor_id
    LEFT JOIN journeys_wedding ON journeys_wedding.id = engine_instance.wedding_id
"""
_CLIENT = "JOIN journeys_client ON journeys_client.id = engine_instance.client_id"


@dataclass(frozen=True, slots=True)
class _Part:
    """The columns of one model in a row of the answer."""

    model: type[Model]
    start: int
    names: tuple[str, ...]
    #: Where in the row something is to be read, and by whom.
    readings: tuple[tuple[int, Reading], ...]

    def read(self, row: list[Any]) -> Any:
        """Make the object of a row, or None where the row has none."""
        if row[self.start] is None:
            return None
        for place, reading in self.readings:
            row[place] = reading(row[place], None, connection)
        return self.model.from_db(
            DEFAULT_DB_ALIAS, self.names, row[self.start : self.start + len(self.names)]
        )


@cache
def _written(*, with_client: bool) -> tuple[str, tuple[_Part, ...]]:
    """Write the statement, and say what its answer's columns are."""
    models = (Instance, Vendor, Wedding, *([Client] if with_client else []))
    parts: list[_Part] = []
    columns: list[str] = []
    for model in models:
        fields = model._meta.concrete_fields  # noqa: SLF001 Django's documented door to the fields
        readings = [
            (len(columns) + place, reading)
            for place, field in enumerate(fields)
            if (reading := getattr(field, "from_db_value", None)) is not None
        ]
        names = tuple(field.attname for field in fields)
        parts.append(_Part(model, len(columns), names, tuple(readings)))
        columns += [f'"{model._meta.db_table}"."{field.column}"' for field in fields]  # noqa: SLF001 the same
    statement = (
        f"SELECT {', '.join(columns)} FROM engine_instance {_BESIDE} {_CLIENT if with_client else ''} "  # noqa: S608 names of ours
        "WHERE engine_instance.id = ANY(%s)"
    )
    return statement, tuple(parts)


def load(ids: Sequence[int], *, with_client: bool) -> dict[int, Instance]:
    """Load instances by their ids, each with its vendor, its wedding and, where asked, its client."""
    statement, parts = _written(with_client=with_client)
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(ids)])
        rows = cursor.fetchall()
    found: dict[int, Instance] = {}
    for row in rows:
        values = list(row)
        instance, vendor, wedding, *client = [part.read(values) for part in parts]
        instance.vendor, instance.wedding = vendor, wedding
        for one in client:
            one.vendor = vendor
            instance.client = one
        found[instance.id] = instance
    return found
