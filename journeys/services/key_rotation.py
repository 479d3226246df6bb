"""Write everything that is encrypted anew with the active key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction
from psycopg import sql

from journeys.encryption import active_key_id, decrypt, encrypt
from journeys.fields import EncryptedField
from journeys.models import AuditRecord

BATCH = 500


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """One column that holds ciphertext."""

    table: str
    column: str
    key: str
    #: What the ciphertext is bound to.
    context: str


def encrypted_columns() -> Iterator[EncryptedColumn]:
    """Go through the encrypted columns of all apps, in the order of their tables."""
    for model in sorted(apps.get_models(), key=lambda model: model._meta.db_table):  # noqa: SLF001 Django's documented door
        meta = model._meta  # noqa: SLF001 Django's documented door
        for field in meta.local_fields:
            if isinstance(field, EncryptedField) and field.column:
                yield EncryptedColumn(meta.db_table, field.column, _key_of(model), field.context)


def keys_rotate(*, now: datetime, actor: str, batch: int = BATCH) -> dict[str, int]:
    """Re-encrypt all values that another key wrote; return how many for each "table.column".

    Each batch is a transaction of its own, and what is done is not looked at again: interrupted, it goes on where
    it was with the next call. Afterwards the old keys may leave DATA_KEYS.

    Raises:
        DecryptionFailed: a value names a key that is not in DATA_KEYS, or was altered; batches before it are kept.
    """
    counts: dict[str, int] = {}
    for column in encrypted_columns():
        done, after = 0, None
        while keys := _rotate_batch(column, batch, after):
            done, after = done + len(keys), keys[-1]
        if done:
            counts[f"{column.table}.{column.column}"] = done
    if counts:
        AuditRecord.objects.create(
            at=now,
            actor=actor,
            action="keys.rotated",
            object_type="data_key",
            object_id=active_key_id()[:40],
            detail=counts,
        )
    return counts


@transaction.atomic
def _rotate_batch(column: EncryptedColumn, batch: int, after: Any) -> list[Any]:
    """Re-encrypt the next rows after a key, in the order of the keys; return theirs."""
    names = {
        "table": sql.Identifier(column.table),
        "column": sql.Identifier(column.column),
        "key": sql.Identifier(column.key),
    }
    select = sql.SQL(
        "SELECT {key}, {column} FROM {table} WHERE {column} <> '' AND split_part({column}, ':', 1) <> %s "
        "AND (%s::text IS NULL OR {key} > %s) ORDER BY {key} LIMIT %s FOR UPDATE"
    ).format(**names)
    update = sql.SQL("UPDATE {table} SET {column} = %s WHERE {key} = %s AND {column} = %s").format(**names)
    with connection.cursor() as cursor:
        # The trigger that freezes published versions lets their ciphertext change in this transaction only.
        cursor.execute("SELECT set_config('journeys.rotating_keys', 'on', true)")
        cursor.execute(select, [active_key_id(), None if after is None else str(after), after, batch])
        rows = cursor.fetchall()
        for key, stored in rows:
            plain = decrypt(stored, context=column.context)
            cursor.execute(update, [encrypt(plain, context=column.context), key, stored])
        cursor.execute("SELECT set_config('journeys.rotating_keys', '', true)")
    return [key for key, _ in rows]


def _key_of(model: type[models.Model]) -> str:
    key = model._meta.pk  # noqa: SLF001 Django's documented door
    return str(key.column)
