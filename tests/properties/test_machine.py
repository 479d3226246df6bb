"""Random journeys under random events keep every promise of the engine."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.machine import JourneyMachine

#: How many journeys each test tries. MACHINE_EXAMPLES=2000 looks longer, and at others each time.
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "12"))
#: How many things happen to each.
STEPS = int(os.environ.get("MACHINE_STEPS", "20"))


@seed(1)
class _First(JourneyMachine):
    pass


@seed(2)
class _Second(JourneyMachine):
    pass


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300 + 30 * EXAMPLES)
@pytest.mark.parametrize("machine", [_First, _Second])
def test_whatever_happens_to_a_journey_nobody_is_lost(machine: type[JourneyMachine]) -> None:
    run_state_machine_as_test(
        JourneyMachine if "MACHINE_EXAMPLES" in os.environ else machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
