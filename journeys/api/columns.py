"""Rows that are answered with as they come from the database, without an object of a model for each of them.

A writer whose fields are columns says which ones, and how each is written. Where a list has many rows, or a row has
columns that are large or encrypted and not shown, this costs a fraction of what the writer itself does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

Writer = type[serializers.Serializer[Any]]
Row = Mapping[str, Any]


class Columns:
    """The fields of a writer that are columns, such as `source="journey.name"`, and of those `beside` it.

    What is no column is named in `added`, and given when the row is written.
    """

    def __init__(self, writer: Writer, *, added: Sequence[str] = (), beside: Sequence[str] = ()) -> None:
        self._writer = writer
        self._added = frozenset(added)
        self._beside = tuple(beside)

    @cached_property
    def _fields(self) -> list[tuple[str, str, Callable[[Any], Any]]]:
        """List name, column ("" for what is added) and how a value is written, as the writer orders them."""
        fields = self._writer().fields
        for field in fields.values():
            if isinstance(field, serializers.DateTimeField):
                # Or it asks anew for every value in which zone this process writes.
                field.timezone = UTC
        return [
            (name, "" if name in self._added else "__".join(field.source_attrs), field.to_representation)
            for name, field in fields.items()
        ]

    def of(self, rows: QuerySet[Any]) -> QuerySet[Any, dict[str, Any]]:
        """Ask for these columns alone."""
        columns = [column for _, column, _ in self._fields if column]
        return rows.values(*dict.fromkeys([*self._beside, *columns]))

    def write(self, row: Row, **added: Any) -> dict[str, Any]:
        """Write one row as the writer would."""
        written: dict[str, Any] = {}
        for name, column, represent in self._fields:
            value = row[column] if column else added[name]
            written[name] = represent(value) if column and value is not None else value
        return written
