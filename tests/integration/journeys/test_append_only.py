from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from journeys import partitions
from journeys.models import AuditRecord, Journey, Vendor, Version
from journeys.services.journeys import journey_create

ACTOR = "user:1"


def written(at: datetime) -> AuditRecord:
    return AuditRecord.objects.create(at=at, actor=ACTOR, action="a.b", object_type="a", object_id="b")


def partition_of(record: AuditRecord) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM journeys_auditrecord WHERE id = %s", [record.pk])
        return str(cursor.fetchone()[0])


def run(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("table", ["journeys_auditrecord", "journeys_auditrecord_default"])
@pytest.mark.parametrize("deed", ["UPDATE {} SET actor = 'nobody'", "DELETE FROM {}"])
def test_the_audit_trail_can_not_be_changed(table, deed):
    written(datetime(2040, 5, 5, tzinfo=UTC))

    with pytest.raises(IntegrityError, match="append-only"):
        run(deed.format(table))

    assert AuditRecord.objects.get(object_id="b").actor == ACTOR


def test_the_audit_trail_outlives_the_vendor(vendor):
    records = AuditRecord.objects.filter(vendor_id=vendor.pk).count()

    Vendor.objects.filter(pk=vendor.pk).delete()

    assert records > 0
    assert AuditRecord.objects.filter(vendor_id=vendor.pk).count() == records


def test_partitions_are_made_for_the_months_around_a_moment():
    moment = datetime(2041, 12, 20, tzinfo=UTC)

    partitions.ensure(now=moment)
    partitions.ensure(now=moment)

    inside = [datetime(2041, 11, 1, tzinfo=UTC), moment, datetime(2042, 3, 31, 23, 59, 59, tzinfo=UTC)]
    assert [partition_of(written(at)) for at in inside] == [
        "journeys_auditrecord_2041_11",
        "journeys_auditrecord_2041_12",
        "journeys_auditrecord_2042_03",
    ]
    assert partition_of(written(datetime(2042, 4, 1, tzinfo=UTC))) == "journeys_auditrecord_default"


def test_what_fell_outside_moves_in_when_its_month_is_made():
    record = written(datetime(2043, 2, 1, tzinfo=UTC))
    assert partition_of(record) == "journeys_auditrecord_default"

    partitions.ensure(now=datetime(2043, 2, 15, tzinfo=UTC))

    assert partition_of(record) == "journeys_auditrecord_2043_02"
    with pytest.raises(IntegrityError, match="append-only"):
        run("DELETE FROM journeys_auditrecord_2043_02")


def test_ids_go_on_across_partitions():
    first, second = written(datetime(2044, 1, 1, tzinfo=UTC)), written(datetime(2045, 1, 1, tzinfo=UTC))

    assert first.pk < second.pk


@pytest.fixture
def version(vendor, now):
    journey = journey_create(vendor=vendor, name="Ladder", now=now, actor=ACTOR)
    version = Version.objects.create(
        vendor=vendor,
        journey=journey,
        number=1,
        definition={"nodes": []},
        digest="d",
        trigger_type="manual",
        published_at=now,
        published_by=ACTOR,
    )
    Journey.objects.filter(pk=journey.pk).update(current_version=version)
    return version


@pytest.mark.parametrize(
    "change",
    [
        "definition = ''",
        "number = 2",
        "digest = 'e'",
        "trigger_type = 'x'",
        "published_by = 'x'",
        "published_at = now()",
        "public_id = 'x'",
    ],
)
def test_a_published_version_can_not_be_changed(version, change):
    with pytest.raises(IntegrityError, match="never changes"):
        run(f"UPDATE journeys_version SET {change}")  # noqa: S608 the words are written above


def test_a_published_version_can_not_be_moved_to_another_journey(version, vendor, now):
    other = journey_create(vendor=vendor, name="Other", now=now, actor=ACTOR)

    with pytest.raises(IntegrityError, match="never changes"):
        run(f"UPDATE journeys_version SET journey_id = {other.pk}")  # noqa: S608 a number of our own


def test_only_the_ciphertext_of_a_version_may_change_while_keys_rotate(version):
    run(
        "SELECT set_config('journeys.rotating_keys', 'on', true);"
        "UPDATE journeys_version SET definition = 'k:another ciphertext'"
    )
    with pytest.raises(IntegrityError, match="never changes"):
        run("SELECT set_config('journeys.rotating_keys', 'on', true); UPDATE journeys_version SET number = 2")


def test_a_version_goes_with_its_vendor(version, vendor):
    vendor.delete()

    assert not Version.objects.exists()
