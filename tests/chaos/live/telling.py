"""What a run says: lines with the time, a table of faults, a table of invariants."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import asdict

from tests.chaos.live.checker import JUDGES, Evidence, verdicts
from tests.chaos.live.faults import Chaos
from tests.chaos.live.meter import Meter

BEGUN = time.monotonic()
MOST_SENTENCES = 8


def say(text: str) -> None:
    """Print a line at once, with the seconds since the run began."""
    sys.stdout.write(f"{time.monotonic() - BEGUN:7.1f}  {text}\n")
    sys.stdout.flush()


def told(ended: tuple[Chaos, Meter, Counter[str]]) -> int:
    """Have a run that has healed judged, print the tables, and give the exit code."""
    chaos, meter, struck = ended
    stack = chaos.stack
    recoveries = [asdict(one) for one in meter.recoveries] if meter.measures else []
    about = {"seed": stack.seed, "blows": stack.blows, "exact": chaos.exact, "recoveries": recoveries}
    (stack.folder / "run.json").write_text(json.dumps(about, indent=1))
    evidence = Evidence(stack.folder, stack.database_url, stack.blows, chaos.exact, recoveries)
    broken = verdicts(evidence)
    (stack.folder / "verdicts.json").write_text(json.dumps(broken, indent=1))
    say("")
    for name, times in struck.items():
        say(f"{name:<44} {times}  {chaos.remarks.get(name, '')}")
    for sentence in chaos.undone:
        say(f"NOT DONE  {sentence}")
    _tell_what_happened(chaos, evidence)
    say("")
    for one in JUDGES:
        sentences = broken[one.name]
        verdict = f"BROKEN {len(sentences)}" if sentences else "holds"
        if one.name == "I15" and not meter.measures:
            verdict = "unmeasured"
        say(f"{one.name:<4} {verdict:<12} {one.promise}")
        for sentence in sentences[:MOST_SENTENCES]:
            say(f"         {sentence}")
    return 1 if chaos.undone or any(broken.values()) else 0


def _tell_what_happened(chaos: Chaos, evidence: Evidence) -> None:
    done_to = [*evidence.lines("faults.jsonl"), *evidence.lines("calls.jsonl")]
    say(f"answers of the providers: {_listed(Counter(one['fault'] for one in done_to if one['fault']))}")
    say(f"reports came: {_listed(Counter(one['manner'] for one in evidence.lines('callbacks.jsonl')))}")
    say(f"people: {_listed(chaos.people.done)}")
    doubted = sum(1 for row in evidence.messages.values() if row["in_doubt_since"])
    say(
        f"{chaos.load.acknowledged} events, {chaos.load.repeats} posts repeated; {len(evidence.instances)} instances, "
        f"{sum(map(len, evidence.history.values()))} rows of history; {len(evidence.sends)} messages taken, "
        f"{doubted} in doubt on the way; {chaos.stack.turned_away()} stale results turned away"
    )


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {times}" for name, times in sorted(counted.items())) or "nothing"
