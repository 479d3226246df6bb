"""What a passage begins with is written by one statement, as Django would have written it row by row."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import IntegrityError, connection, transaction

from engine.models import Instance, Schedule, TriggerEvent
from engine.services import beginning
from engine.services.instances import wedding_start
from journeys.models import AuditRecord, Client, Journey, Vendor
from journeys.selectors import main_wedding
from tests.builders import ACTOR, a_journey
from tests.drive import enter

pytestmark = pytest.mark.django_db


@pytest.fixture
def journey(vendor: Vendor, now: datetime) -> Journey:
    return a_journey().variable("dog").email("hello").publish(vendor, now=now)


def like(journey: Journey, couple: Client, *, now: datetime, **fields: object) -> Instance:
    return Instance(
        vendor=journey.vendor,
        journey=journey,
        version=journey.current_version,
        client=couple,
        wedding=main_wedding(couple),
        variables={"dog": "Bica"},
        started_at=now,
        **fields,
    )


def columns(row: Instance | Schedule, *but: str) -> dict[str, object]:
    names = [field.attname for field in row._meta.concrete_fields]
    return {name: getattr(row, name) for name in names if name not in {"id", *but}}


@pytest.mark.parametrize("with_more", [True, False])
def test_it_says_what_the_models_say(
    journey: Journey, couple: Client, now: datetime, *, with_more: bool
) -> None:
    event = TriggerEvent.objects.create(
        vendor=journey.vendor, event_id="e", type="manual", occurred_at=now, received_at=now
    )
    more = {"trigger_event": event, "started_by": "a place", "exclusive": False} if with_more else {}
    saved = like(journey, couple, now=now, **more)
    saved.save()
    saved.refresh_from_db()
    place = Schedule.objects.create(
        vendor=journey.vendor,
        instance=saved,
        node_id="start",
        due_at=now,
        wedding_at=wedding_start(saved.wedding),
        placed_at=now,
    )
    as_saved, as_placed = columns(saved, "public_id"), columns(place, "instance_id")
    saved.delete()

    begun = like(journey, couple, now=now, **more)
    number = beginning.begin(begun, node_id="start", wedding_at=wedding_start(begun.wedding), actor=ACTOR)

    assert columns(begun) == columns(Instance.objects.get(id=begun.id))
    assert as_saved == columns(begun, "public_id")
    assert begun.public_id.startswith("ins_")
    assert (False, "default") == (begun._state.adding, begun._state.db)
    stands = Schedule.objects.get(id=number)
    assert begun.id == stands.instance_id
    assert as_placed == columns(stands, "instance_id")
    deed = AuditRecord.objects.get(action="instance.started", object_id=begun.public_id)
    assert (journey.vendor_id, now, ACTOR, "instance", {}) == (
        deed.vendor_id,
        deed.at,
        deed.actor,
        deed.object_type,
        deed.detail,
    )


def test_its_variables_can_not_be_read_in_the_database(
    journey: Journey, couple: Client, now: datetime
) -> None:
    begun = like(journey, couple, now=now)
    beginning.begin(begun, node_id="start", wedding_at=None, actor=ACTOR)

    with connection.cursor() as cursor:
        cursor.execute("SELECT variables FROM engine_instance WHERE id = %s", [begun.id])
        assert "Bica" not in cursor.fetchone()[0]


def test_the_unique_key_has_the_last_word(journey: Journey, couple: Client, now: datetime) -> None:
    enter(journey, couple, now=now, dog="Bica")

    with pytest.raises(IntegrityError, match="instance_one_live"), transaction.atomic():
        beginning.begin(like(journey, couple, now=now), node_id="start", wedding_at=None, actor=ACTOR)

    assert 1 == Schedule.objects.count()
    assert 1 == AuditRecord.objects.filter(action="instance.started").count()


def test_a_name_of_somebody_that_is_too_long_is_cut(journey: Journey, couple: Client, now: datetime) -> None:
    beginning.begin(like(journey, couple, now=now), node_id="start", wedding_at=None, actor="x" * 300)

    assert ["x" * 100] == list(
        AuditRecord.objects.filter(actor__startswith="xx").values_list("actor", flat=True)
    )
