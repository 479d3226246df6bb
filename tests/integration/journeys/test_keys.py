from __future__ import annotations

import base64
import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from engine.discovery import discover
from journeys.models import AuditRecord, Client, Version, Wedding
from journeys.services import key_rotation
from journeys.services.journeys import journey_create, journey_publish
from journeys.services.key_rotation import encrypted_columns, keys_rotate

OLD = "t1:" + base64.b64encode(bytes(range(32))).decode()
NEW = "t2:" + base64.b64encode(b"n" * 32).decode()


def keys_in_use() -> set[str]:
    found: set[str] = set()
    with connection.cursor() as cursor:
        for column in encrypted_columns():
            cursor.execute(
                f"SELECT DISTINCT split_part({column.column}, ':', 1) FROM {column.table} "  # noqa: S608 names of our own
                f"WHERE {column.column} <> ''"
            )
            found |= {row[0] for row in cursor.fetchall()}
    return found


@pytest.fixture
def _written(client, vendor, now):
    discover()
    journey_publish(journey=journey_create(vendor=vendor, name="J", now=now, actor="a"), now=now, actor="a")


def test_every_encrypted_column_is_known():
    known = {f"{column.table}.{column.column}" for column in encrypted_columns()}

    assert {
        "journeys_client.email",
        "journeys_client.fields",
        "journeys_stakeholder.phone",
        "journeys_version.definition",
        "journeys_vendor.email",
    } <= known


def test_rotation_writes_everything_with_the_new_key(_written, client, settings, now):
    before = Client.objects.get(pk=client.pk)
    settings.DATA_KEYS = [NEW, OLD]

    counts = keys_rotate(now=now, actor="command:rotate_keys", batch=2)

    assert keys_in_use() == {"t2"}
    assert counts["journeys_stakeholder.email"] == 3
    assert counts["journeys_version.definition"] == 1
    settings.DATA_KEYS = [NEW]
    after = Client.objects.get(pk=client.pk)
    assert (after.email, after.fields, after.display_name) == (
        before.email,
        before.fields,
        before.display_name,
    )
    assert Version.objects.get().definition["schema_version"] == 1
    assert Wedding.objects.get().venue == "Quinta da Serra"
    record = AuditRecord.objects.get(action="keys.rotated")
    assert (record.object_id, record.detail) == ("t2", counts)


def test_a_second_rotation_has_nothing_to_do(_written, settings, now):
    settings.DATA_KEYS = [NEW, OLD]
    keys_rotate(now=now, actor="a")

    assert keys_rotate(now=now, actor="a") == {}
    assert AuditRecord.objects.filter(action="keys.rotated").count() == 1


def test_an_interrupted_rotation_goes_on_where_it_was(_written, settings, now, monkeypatch):
    settings.DATA_KEYS = [NEW, OLD]
    real, calls = key_rotation._rotate_batch, []

    def stops_after_three(column, batch, after):
        calls.append(column)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return real(column, batch, after)

    monkeypatch.setattr(key_rotation, "_rotate_batch", stops_after_three)
    with pytest.raises(KeyboardInterrupt):
        keys_rotate(now=now, actor="a", batch=1)
    assert "t1" in keys_in_use()
    monkeypatch.setattr(key_rotation, "_rotate_batch", real)

    keys_rotate(now=now, actor="a")

    assert keys_in_use() == {"t2"}


def test_the_command_reports_what_it_wrote(_written, settings):
    settings.DATA_KEYS = [NEW, OLD]
    out = io.StringIO()

    call_command("rotate_keys", stdout=out)

    assert "journeys_client.email: 1" in out.getvalue()
    assert "everything is under key 't2'" in out.getvalue()


def test_the_command_stops_when_an_old_key_is_missing(_written, settings):
    settings.DATA_KEYS = [NEW]

    with pytest.raises(CommandError, match="'t1'"):
        call_command("rotate_keys")
    with pytest.raises(CommandError, match="at least 1"):
        call_command("rotate_keys", "--batch", "0")
