"""Random journeys that people put back to earlier steps at random moments keep every promise of the engine."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter, defaultdict
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from channels.models import Message
from engine.models import Instance, RollBack
from engine.services.replaying import differences
from engine.services.rolling_back import Wish, instance_roll_back, reached_steps
from journeys.errors import ServiceError
from tests.builders import ACTOR
from tests.properties.machine import SEEDS, JourneyMachine, _chance

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "12"))
STEPS = int(os.environ.get("MACHINE_STEPS", "20"))


class RolledBack(JourneyMachine):
    """Passages go back to steps that they have been at, live or ended."""

    #: How messages are dealt with.
    messages: tuple[str, ...] = ("keep", "send_again")

    @rule(seed=SEEDS, due=st.sampled_from(["now", "by_its_timing"]))
    def roll_back(self, seed: int, due: str) -> None:
        chance = _chance(seed)
        instance = Instance.objects.get(id=chance.choice(self.instances))
        steps = reached_steps(instance)
        if not steps:
            return
        wish = Wish(chance.choice(steps)[0], messages=chance.choice(self.messages), due=due)
        with suppress(ServiceError):
            instance_roll_back(instance=instance, wish=wish, now=self.now, actor=ACTOR)

    def the_live_state_is_the_history_replayed(self) -> None:
        """Hold for all passages, those that were cancelled included."""
        assert not differences(self._all(), graph_at=self._graph_at)


class Kept(RolledBack):
    """The same, and nothing that went out is ever to go out again."""

    messages = ("keep",)

    def nothing_goes_out_twice(self) -> None:
        """Hold over all roll backs: nobody has more of a step's messages than one time through it gives."""
        super().nothing_goes_out_twice()
        for instance in self._all():
            self._check_kept(instance)

    def _check_kept(self, instance: Instance) -> None:
        last = list(
            RollBack.objects.filter(instance=instance)
            .order_by("number")
            .values_list("last_message", flat=True)
        )
        times: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
        went: Counter[tuple[str, str]] = Counter()
        for message in Message.objects.filter(instance_ref=instance.public_id).order_by("id"):
            who = (message.node_id, message.key.rpartition(":")[2])
            times[who][bisect_left(last, message.id)] += 1
            went[who] += message.status == Message.Status.ACCEPTED
        for who, count in went.items():
            assert count <= max(times[who].values())


@seed(3)
class _AnyMessages(RolledBack):
    pass


@seed(4)
class _KeptMessages(Kept):
    pass


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300 + 30 * EXAMPLES)
@pytest.mark.parametrize("machine", [_AnyMessages, _KeptMessages])
def test_whoever_is_put_back_is_neither_lost_nor_written_to_twice(machine: type[RolledBack]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
