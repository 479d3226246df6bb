"""Live chaos: `python -m tests.chaos.live --seed 7`, `--quick`, or `--only "redis away"`."""

# ruff: noqa: S311 - a run can be repeated by its seed
from __future__ import annotations

import argparse
import os
import random
import secrets
import shutil
import signal
import sys

from dev.places import VAR
from tests.chaos.live.faults import FAULTS
from tests.chaos.live.running import Form, run
from tests.chaos.live.stack import a_stack
from tests.chaos.live.telling import say, told


def main() -> int:
    """Run, judge, print; 0 when every invariant held."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.live", description=__doc__)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="go on with any faults until so much time is over"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only faults of this name"
    )
    parser.add_argument("--quick", action="store_true", help="the four faults of the short form")
    parser.add_argument("--rate", type=float, default=1.2, help="events a second")
    parser.add_argument("--list", action="store_true", help="name the faults and end")
    given = parser.parse_args()
    if given.list:
        sys.stdout.writelines(f"{one.name:<42} {one.act.__doc__}\n" for one in FAULTS.values())
        return 0
    unknown = set(given.only) - FAULTS.keys()
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}; --list names them")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    seed = given.seed if given.seed is not None else secrets.randbelow(10**6)
    folder = VAR / "chaos" / str(seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    rng = random.Random(seed)
    wanted = given.only or [name for name, one in FAULTS.items() if one.quick or not given.quick]
    schedule = list(wanted)
    if not given.only:
        rng.shuffle(schedule)
    say(f"seed {seed}; the faults, in their order: {'; '.join(schedule)}")
    with a_stack(folder, seed=seed) as stack:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.chaos.live.settings")
        form = Form(minutes=given.minutes, rate=given.rate, long=not given.quick)
        code = told(run(stack, schedule, rng, form=form))
    if code:
        say(f"FAILED. Again: python -m tests.chaos.live --seed {seed}. Ledgers, logs and verdicts: {folder}")
    else:
        say("Every invariant held.")
        shutil.rmtree(folder, ignore_errors=True)
    return code


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
