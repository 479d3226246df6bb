"""The tests have teeth: each defence that is taken out breaks a promise, or another one stands in for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest
from django.test import override_settings

from tests.builders import a_couple, a_vendor
from tests.chaos.ledger import provider_env
from tests.chaos.mutations import MUTATIONS, PAGE, REMOVALS, Mutation, page
from tests.chaos.stage import Promise, Stage
from tests.fakes.provider import FakeProvider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(60, func_only=True),
]

SCENARIOS = tuple(dict.fromkeys(mutation.scenario for mutation in MUTATIONS))


@pytest.fixture
def stage(transactional_db: None, tmp_path: Path) -> Iterator[Stage]:
    now = datetime.fromisoformat("2027-04-14T09:00:00+00:00")
    vendor = a_vendor(now=now)
    with (
        FakeProvider(ledger=tmp_path / "ledger.jsonl") as provider,
        override_settings(**provider_env(provider), WEBHOOK_ALLOW_PRIVATE=True),
    ):
        playing = Stage(vendor, a_couple(vendor, now=now), now, provider)
        yield playing
        playing.threads.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_promise_holds_with_every_defence(scenario, stage: Stage) -> None:
    assert set() == scenario(stage)


@pytest.mark.parametrize("mutation", [one for one in MUTATIONS if one.breaks], ids=str)
def test_promise_is_broken_without(mutation: Mutation, stage: Stage) -> None:
    assert mutation.breaks in played(mutation, stage)


@pytest.mark.parametrize("mutation", [one for one in MUTATIONS if not one.breaks], ids=str)
def test_another_defence_stands_in_for(mutation: Mutation, stage: Stage) -> None:
    assert set() == played(mutation, stage)


def played(mutation: Mutation, stage: Stage) -> set[Promise]:
    with ExitStack() as stack:
        for defence in mutation.defences:
            stack.enter_context(REMOVALS[defence]())
        return mutation.scenario(stage)


def test_every_defence_and_every_promise_is_asked_about() -> None:
    assert set(REMOVALS) == {defence for mutation in MUTATIONS for defence in mutation.defences}
    assert set(Promise) == {mutation.breaks for mutation in MUTATIONS if mutation.breaks}


def test_a_defence_that_another_stands_in_for_is_needed_together_with_it() -> None:
    broken = [set(mutation.defences) for mutation in MUTATIONS if mutation.breaks]
    held = [mutation for mutation in MUTATIONS if not mutation.breaks]

    assert all(any(set(one.defences) <= together for together in broken) for one in held)
    assert all(one.instead in REMOVALS for one in held)


def test_the_page_about_defences_lists_them_all() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "Write it with `python -m tests.chaos.defences`."
