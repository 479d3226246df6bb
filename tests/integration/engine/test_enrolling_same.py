"""Who enters together with others gets exactly the rows of somebody who enters alone, and is refused for the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import models, transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.models import Instance, LatePlan, Schedule
from engine.services.enrolling import carrying_out
from engine.services.enrolling.requests import Who, enrollment_begin
from engine.services.instances import instance_cancel, instance_start
from journeys.errors import ServiceError
from journeys.models import AuditRecord, Client, Journey, Vendor, Wedding
from journeys.services.journeys import journey_create, journey_publish
from tests.builders import ACTOR, a_couple, a_journey, a_vendor

NOW = datetime(2027, 4, 14, 9, 0, tzinfo=UTC)

rules = st.sampled_from(
    [{"re_entry": "once"}, {"re_entry": "when_finished"}, {"re_entry": "always"}]
    + [{"re_entry": "after_days", "days": days} for days in (1, 40)]
)
limits = st.fixed_dictionaries(
    {}, optional={name: st.integers(1, 6) for name in ("max_live", "max_per_day", "max_total")}
)
#: What happened to a couple before: what it stands in, how long ago that ended, and what its weddings are.
couples = st.fixed_dictionaries(
    {
        "before": st.sampled_from(["", "inside", "ended 2", "ended 30", "ended 90", "ended twice", "twice"]),
        "wedding": st.sampled_from(
            ["far", "near", "past", "undated", "none", "cancelled", "second", "tokyo"]
        ),
    }
)


def a_client(vendor: Vendor, wedding: str) -> Client:
    ahead = {"near": 20, "past": -10, "undated": None}.get(wedding, 200)
    couple = a_couple(
        vendor,
        now=NOW,
        wedding_in=None if ahead is None else timedelta(days=ahead),
        time_zone="Asia/Tokyo" if wedding == "tokyo" else "Europe/Lisbon",
    )
    if wedding == "none":
        couple.weddings.all().delete()
    if wedding in {"cancelled", "second"}:
        couple.weddings.update(status=Wedding.Status.CANCELLED)
    if wedding == "second":
        first = couple.weddings.get()
        first.pk, first.public_id, first.status = None, "", Wedding.Status.PLANNED
        first.save()
        first.pk, first.public_id, first.status = None, "", Wedding.Status.CANCELLED
        first.save()
    return couple


def a_passage(journey: Journey, couple: Client, before: str) -> None:
    def begin(ago: int) -> Instance:
        return instance_start(
            vendor=journey.vendor,
            journey=journey,
            client=couple,
            variables={},
            now=NOW - timedelta(days=ago),
            actor=ACTOR,
        )

    def end(instance: Instance, ago: int) -> None:
        instance_cancel(instance=instance, now=NOW - timedelta(days=ago), actor=ACTOR)

    try:
        if before == "inside":
            begin(3)
        elif before == "ended twice":
            end(begin(100), 90)
            end(begin(40), 20)
        elif before.startswith("ended"):
            ago = int(before.split()[1])
            end(begin(ago + 1), ago)
        elif before == "twice":
            end(begin(200), 180)
            begin(0)
    except ServiceError:
        return


def written(journey: Journey, since: Mapping[type[models.Model], int]) -> list[Any]:
    """Give everything that was written since, without the numbers and ids that are new each time."""
    names = dict(Instance.objects.values_list("id", "client_id"))
    public = {
        f"{public_id}": f"of {client}"
        for public_id, client in Instance.objects.values_list("public_id", "client_id")
    }
    rows: list[Any] = []
    for model in (Instance, Schedule, LatePlan, AuditRecord):
        for row in model._default_manager.filter(id__gt=since[model]).order_by("id"):
            values = {
                field.attname: getattr(row, field.attname)
                for field in model._meta.concrete_fields
                if field.name not in {"id", "public_id", "lease_until"}
            }
            if "instance_id" in values:
                values["instance_id"] = names[values["instance_id"]]
            if "object_id" in values:
                values["object_id"] = public.get(values["object_id"], "?")
            rows.append((model.__name__, sorted(values.items(), key=lambda one: one[0])))
    kept = [row for row in rows if ("object_type", "enrollment") not in row[1]]
    # One who enters alone is written whole before the next one; what follows for each is the same.
    return sorted(kept, key=repr)


def undone(deed: Callable[[], tuple[list[Any], dict[int, str]]]) -> tuple[list[Any], dict[int, str]]:
    """Do it, and take it back."""
    with transaction.atomic():
        found = deed()
        transaction.set_rollback(True)
    return found


def all_kinds(before: str) -> list[dict[str, str]]:
    return [
        {"before": before, "wedding": one} for one in ("far", "near", "second", "none", "tokyo", "undated")
    ]


RICH: dict[str, Any] = {
    "limit": {},
    "late": True,
    "status": "active",
    "album": "green",
    "chunk": 2,
    "those": all_kinds(""),
}


@pytest.mark.django_db
@example(**RICH | {"rule": {"re_entry": "always"}})
@example(**RICH | {"rule": {"re_entry": "after_days", "days": 40}, "those": all_kinds("ended twice")})
@example(**RICH | {"rule": {"re_entry": "once"}, "limit": {"max_live": 3, "max_total": 4}})
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rule=rules,
    limit=limits,
    those=st.lists(couples, min_size=1, max_size=7),
    late=st.booleans(),
    status=st.sampled_from(["active", "archived"]),
    album=st.sampled_from([None, "green"]),
    chunk=st.integers(1, 4),
)
def test_many_enter_as_each_would_alone(rule, limit, those, late, status, album, chunk):
    with transaction.atomic():
        vendor = a_vendor(now=NOW - timedelta(days=400))
        builder = a_journey().variable("album", default="red")
        builder.email("early", when={"kind": "anchor", "anchor": "wedding", "offset": "-60d"})
        definition = builder.definition() | {"entry": rule | limit}
        if late:
            definition["late_start"] = {"show_plan": True}
        journey = journey_create(vendor=vendor, name="A", definition=definition, now=NOW, actor=ACTOR)
        journey_publish(journey=journey, now=NOW, actor=ACTOR)
        journey.refresh_from_db()
        clients = []
        for one in those:
            clients.append(a_client(vendor, one["wedding"]))
            a_passage(journey, clients[-1], one["before"])
        variables = {"album": album} if album else {}
        run = enrollment_begin(
            vendor=vendor, journey=journey, who=Who(everybody=True), variables=variables, now=NOW, actor=ACTOR
        )
        Journey.objects.filter(pk=journey.pk).update(status=status)
        since = {
            model: model._default_manager.order_by("-id").values_list("id", flat=True).first() or 0
            for model in (Instance, Schedule, LatePlan, AuditRecord)
        }

        def each() -> tuple[list[Any], dict[int, str]]:
            refused = {}
            for client in clients:
                fresh = Client.objects.get(pk=client.pk)
                try:
                    instance_start(
                        vendor=vendor,
                        journey=journey,
                        client=fresh,
                        variables=variables,
                        now=NOW,
                        actor=ACTOR,
                    )
                except ServiceError as error:
                    refused[client.pk] = error.code
            return written(journey, since), refused

        def together() -> tuple[list[Any], dict[int, str]]:
            refused: dict[int, str] = {}
            count = carrying_out._count

            def noting(run: Any, ids: Any, codes: Mapping[int, str]) -> None:
                refused.update(codes)
                count(run, ids, codes)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(carrying_out, "CHUNK", chunk)
                patch.setattr(carrying_out, "_count", noting)
                patch.setattr(carrying_out.log, "exception", lambda *_, **__: pytest.fail("It fell back."))
                carrying_out.carry_on(enrollment=run, now=NOW)
            return written(journey, since), refused

        alone, many = undone(each), undone(together)
        transaction.set_rollback(True)

    assert alone[1] == many[1]
    assert alone[0] == many[0]
