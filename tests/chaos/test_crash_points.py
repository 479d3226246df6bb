"""Processes of every kind die at every point that they pass: nothing is lost, nothing is done twice."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.test import override_settings

from engine.models import Instance, MeetingNotice
from journeys import clock
from journeys.models import Vendor
from journeys.services.api_keys import api_key_create
from tests.builders import ACTOR
from tests.chaos.crashing import ROLES, target_of
from tests.chaos.deeds import DEEDS, Done, Settling, Surroundings, publish_both
from tests.chaos.ledger import completed_twice, provider_env, sent_twice
from tests.chaos.mortals import Mortals
from tests.chaos.points import KINDS, POINTS, Kind, Point, matrix
from tests.fakes.callbacks import SendGridSigner
from tests.fakes.provider import FakeProvider
from tests.fakes.webhook_server import a_service
from tests.processes import NeverCame, wait_for

#: Until a process has come to the point that it is to die at; a tick comes every 5 s at most.
REACH_SECONDS = 15.0
#: A tick may take a step before the process that is to die comes to it; then somebody else is sent past the point.
TRIES = 4
#: Until everything that died has been taken over, and every journey has ended.
HEAL_SECONDS = 90.0


def test_every_point_is_where_a_call_is() -> None:
    assert {point.name: "" for point in POINTS} == {point.name: missing(point) for point in POINTS}


def missing(point: Point) -> str:
    try:
        target_of(point)
    except (LookupError, AttributeError, ImportError) as error:
        return str(error)
    return ""


def test_points_have_names_of_their_own_and_kinds_that_can_be_started() -> None:
    assert len(POINTS) == len({point.slug for point in POINTS})
    assert set(KINDS) == {kind for point in POINTS for kind in point.kinds}
    assert set(KINDS) == {kind for kinds in ROLES.values() for kind in kinds}


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(600, func_only=True)
@pytest.mark.django_db(transaction=True)
def test_processes_that_die_lose_nothing_and_do_nothing_twice(
    vendor: Vendor, now: datetime, provider: FakeProvider, tmp_path: Path, record_property
) -> None:
    signer = SendGridSigner()
    env = {
        **provider_env(provider),
        "WEBHOOK_ALLOW_PRIVATE": "true",
        "SENDGRID_WEBHOOK_KEY": signer.public_key,
    }
    begun = time.monotonic()
    with a_service() as service:
        with (
            override_settings(**provider_env(provider), WEBHOOK_ALLOW_PRIVATE=True),
            Mortals(folder=tmp_path, env=env) as system,
        ):
            publish_both(vendor, service, now=now)
            system.begin()
            _, key = api_key_create(vendor=vendor, name="shop", now=now, actor=ACTOR)
            around = Surroundings(system, vendor, key, provider, service, signer)
            deeds: list[tuple[str, Kind, Done]] = []
            unreached = []
            for point, kind in matrix():
                at = time.monotonic()
                for _ in range(TRIES):
                    deed = DEEDS[point.deed](around, by_web=kind == "web")
                    deeds.append((point.name, kind, deed))
                    if dies(deed, point, kind, system):
                        break
                else:
                    unreached.append((point.name, kind))
                print(f"{time.monotonic() - at:5.1f} s  {kind:5}  {point.name}")  # noqa: T201
            deaths = time.monotonic() - begun
            heal(system, [deed for _, _, deed in deeds])
        wrong = [
            f"{kind} died {name}: {'; '.join(found)}" for name, kind, deed in deeds if (found := deed.wrong())
        ]
    seconds = time.monotonic() - begun
    record_property("deaths", len(list(matrix())))
    print(f"{len(list(matrix()))} deaths in {deaths:.0f} s, all healed after {seconds:.0f} s")  # noqa: T201
    assert [] == unreached
    assert [] == wrong, "\n".join(wrong)
    assert ([], []) == (completed_twice(), sent_twice(provider))


def dies(deed: Done, point: Point, kind: Kind, system: Mortals) -> bool:
    """Have a process die at a point, and go on without waiting until the others have taken over."""
    deed.prepare()
    system.order(point, kind)
    try:
        deed.begin()
        wait_for(
            lambda: system.carried_out(point, kind), seconds=REACH_SECONDS, what=f"{kind} died {point.name}"
        )
    except NeverCame:
        return False
    finally:
        system.take_back(point, kind)
        system.come_back()
        deed.end()
    return True


def heal(system: Mortals, deeds: list[Done]) -> None:
    """Let the engine's time pass, for what is in doubt or is tried again, until everything has come to its end."""
    deadline = time.monotonic() + HEAL_SECONDS
    while time.monotonic() < deadline:
        system.come_back()
        changing = [one for one in deeds if isinstance(one, Settling) and not one.settled()]
        open_letters = MeetingNotice.objects.filter(
            kind=MeetingNotice.Kind.INVITATION, state__in=["waiting", "queued", "sending"]
        )
        others = Instance.objects.filter(status__in=Instance.LIVE).exclude(journey__name__startswith="Moving")
        if not (changing or open_letters.exists() or others.exists()):
            return
        clock.advance(by=timedelta(seconds=40))
        time.sleep(1)
