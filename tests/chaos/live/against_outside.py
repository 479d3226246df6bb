"""Providers of all moods, and what is deployed while everything runs."""

from __future__ import annotations

import contextlib
import subprocess
import tarfile
from datetime import timedelta
from io import BytesIO
from typing import Any

from tests.chaos.live import load
from tests.chaos.live.faulting import Chaos, fault
from tests.chaos.live.process import ROOT
from tests.chaos.live.stack import ALONE, NeverCame, wait_for

MIXED = {
    "sendgrid": {
        "accept_then_close": 0.1,
        "accept_then_5xx": 0.1,
        "accept_then_garbage": 0.05,
        "hang": 0.08,
        "drip": 0.05,
        "5xx": 0.08,
        "close": 0.08,
    },
    "twilio": {
        "accept_then_close": 0.1,
        "accept_then_5xx": 0.1,
        "accept_then_garbage": 0.05,
        "hang": 0.08,
        "5xx": 0.08,
        "close": 0.08,
    },
    "sendgrid look-up": {"no_look_up": 0.3},
    "hook": {"503": 0.2, "429": 0.1, "close": 0.1, "400": 0.05},
    "details": {"seconds": 3},
}


#: Time for accounts that were left alone to be tried again, in seconds; the engine's own time goes by faster.
CLOSED_WITHIN = 15.0


def _put_in_order(chaos: Chaos) -> None:
    """Let providers work again, and the engine find that out, before another fault is measured."""
    chaos.stack.control()

    def all_closed() -> bool:
        chaos.stack.look_after()
        if not chaos.stack.ask("SELECT 1 FROM channels_circuit WHERE state <> 'closed' LIMIT 1"):
            return True
        load.advance(chaos.stack, timedelta(seconds=30))
        return False

    with contextlib.suppress(NeverCame):
        wait_for(all_closed, seconds=CLOSED_WITHIN, what="all circuits were closed", every=0.7)


@fault(quick=True, measured=False)
def providers_of_all_moods(chaos: Chaos) -> None:
    """Have providers take messages and cut, fail, hang or drip; or fail and take nothing."""
    chaos.stack.control(provider="mix", fault="set", **MIXED)
    chaos.hold(12 if chaos.long else 8)
    _put_in_order(chaos)


@fault(measured=False)
def slow_down(chaos: Chaos) -> None:
    """Have providers answer 429 to nearly everything, with and without Retry-After."""
    for details in ({"retry_after": 2}, {}):
        chaos.stack.control(
            provider="mix", fault="set", sendgrid={"429": 0.9}, twilio={"429": 0.9}, details=details
        )
        chaos.hold(4)
    _put_in_order(chaos)


@fault(measured=False)
def account_refused(chaos: Chaos) -> None:
    """Have a provider refuse the account itself."""
    chaos.stack.control(
        provider="mix",
        fault="set",
        sendgrid={"reject": 1.0},
        twilio={"reject": 1.0},
        details={"status": 401, "code": 20003},
    )
    chaos.hold(5)
    _put_in_order(chaos)
    chaos.stack.control()


@fault(measured=False)
def outage(chaos: Chaos) -> None:
    """Have both providers vanish; an hour of the engine's time goes by."""
    provider = chaos.stack.processes["provider"]
    provider.away = True
    provider.kill()
    chaos.hold(4)
    load.advance(chaos.stack, timedelta(hours=1))
    chaos.hold(4)
    provider.start()
    _put_in_order(chaos)


@fault(measured=False)
def version_published_with_couples_inside(chaos: Chaos) -> None:
    """Publish versions of the journeys with a new step in them, and move everybody inside."""
    moved, published = [], 0
    for topic in ("steady", "offer"):
        journey_id = chaos.world.journeys[topic].public_id
        status, now = load.call("GET", chaos.stack, f"/api/journeys/{journey_id}", headers=chaos.world.auth)
        if status != 200:
            continue
        _add_a_step(now["definition"], chaos.rng.getrandbits(16))
        body = {"definition": now["definition"], "revision": now["revision"]}
        load.call("PATCH", chaos.stack, f"/api/journeys/{journey_id}", body, headers=chaos.world.auth)
        status, _ = load.call(
            "POST",
            chaos.stack,
            f"/api/journeys/{journey_id}/publish",
            {"inside": "move"},
            headers=chaos.world.auth,
        )
        moved.append(f"{topic} {status}")
        published += 200 <= status < 300
    chaos.hold(3)
    chaos.hit("version published with couples inside", published, f"published ({', '.join(moved)})")


def _add_a_step(draft: dict[str, Any], number: int) -> None:
    """Put an instant step behind the first wait."""
    wait = next(node for node in draft["nodes"] if node["type"] == "wait")
    name = f"more_{number}"
    settings = {"do": [{"kind": "add_tag", "tag": "more"}]}
    draft["nodes"].append({"id": name, "type": "action", "name": name, "settings": settings})
    edge = next(edge for edge in draft["edges"] if edge["from"] == wait["id"])
    draft["edges"].append({"from": name, "port": "next", "to": edge["to"]})
    edge["to"] = name


@fault()
def old_code_beside_new(chaos: Chaos) -> None:
    """Let a worker of the last committed code work beside the present one."""
    folder = chaos.stack.folder / "old"
    if not folder.exists():
        # S607: git is found on PATH, and only reads here.
        archive = subprocess.run(
            ["git", "archive", "--format=tar", "HEAD"], cwd=ROOT, capture_output=True, check=False
        )
        if archive.returncode:
            chaos.remark("old code beside new", "left out: this is no repository")
            return
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as packed:
            packed.extractall(folder, filter="data")
    # It serves what every release knows.
    worker = chaos.stack.worker("old", queues=ALONE, **chaos.stack.processes["one"].env)
    worker.env |= {"DJANGO_SETTINGS_MODULE": "tests.chaos.settings", "TEST_LEASE_SECONDS": "12"}
    worker.env["PYTHONPATH"] = str(folder)
    worker.nursery, worker.folder = None, folder
    worker.start()
    try:
        wait_for(
            lambda: chaos.stack.ask("SELECT 1 FROM engine_heartbeat WHERE name = 'worker:old@chaos'"),
            seconds=120,
            what="the old worker showed life",
        )
        chaos.hold(8)
    finally:
        chaos.stack.processes.pop("old").kill()
