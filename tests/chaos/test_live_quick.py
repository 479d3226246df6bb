"""The short form of live chaos is part of every test run: the whole stack, four faults, the checker."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.processes import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(400)]

#: It starts servers and settings of its own.
NOT_FOR_IT = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")


def test_every_invariant_holds_after_the_short_form_of_live_chaos() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in NOT_FOR_IT}

    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.live", "--quick"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stdout
