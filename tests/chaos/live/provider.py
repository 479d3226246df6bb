"""The providers as a process of their own: ledger files that nobody else writes, faults by chance, call-backs gone mad.

`python -m tests.chaos.live.provider --port 8090 --folder var/chaos/7 --web http://127.0.0.1:8000 --seed 7`. Beside what
`tests.fakes.provider` does, `POST /_control {"provider": "mix", …}` sets the shares of faults, and `/told` is the
service that journeys call. Files, each only ever appended to: `sends.jsonl` (messages taken), `faults.jsonl` (what was
done to requests), `begun.jsonl` and `callbacks.jsonl` (what was reported and how it was answered), `calls.jsonl` (webhooks that arrived).
"""

# ruff: noqa: S310, S311, N802 - addresses are this machine's; a run can be repeated by its seed; names of the library
from __future__ import annotations

import argparse
import heapq
import itertools
import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.fakes.callbacks import SendGridSigner, sendgrid_event, sign_twilio
from tests.fakes.provider import TWILIO_TOKEN, FakeProvider, _Handler

#: How call-backs of one message come, with their shares.
MANNERS = {
    "in order": 40,
    "twice": 15,
    "46 times": 2,
    "reversed": 15,
    "late": 10,
    "before the answer": 10,
    "forged": 5,
    "never": 8,
}
LATE_SECONDS = 12.0
AGAIN_SECONDS = 1.5
MOST_TRIES = 40


class LiveProvider(FakeProvider):
    """Fails by chance, reports what becomes of messages, and writes everything down."""

    def __init__(self, *, folder: Path, port: int, web: str, signer: SendGridSigner, seed: int) -> None:
        super().__init__(ledger=folder / "sends.jsonl", port=port, now=lambda: _moved(folder))
        self._server.RequestHandlerClass = LiveHandler
        self.folder, self.web, self.signer = folder, web, signer
        self.rng = random.Random(seed)
        #: {"sendgrid": {"accept_then_close": 0.2, …}, "twilio": …, "hook": …, "details": {…}}
        self.mix: dict[str, Any] = {}
        #: The callers' ports of the calls that are held at this moment.
        self.held: set[int] = set()
        self.reporter = Reporter(self)

    def note(self, file: str, **entry: Any) -> None:
        """Append one line to a ledger file."""
        line = json.dumps({"at": datetime.now(UTC).isoformat(), **entry})
        with self._lock, (self.folder / file).open("a") as output:
            output.write(line + "\n")
            output.flush()

    def fail(self, provider: str, fault: str, *, times: int = 1, **details: Any) -> None:
        if provider == "mix":
            self.mix = details
            return
        super().fail(provider, fault, times=times, **details)

    def forget_faults(self) -> None:
        self.mix = {}
        super().forget_faults()

    def draw(self, who: str) -> str:
        """Choose a fault by the shares of the mix, "" for none."""
        left = self.rng.random()
        for fault, share in self.mix.get(who, {}).items():
            left -= share
            if left < 0:
                return str(fault)
        return ""

    def take_fault(self, provider: str, *, look_up: bool) -> dict[str, Any]:
        fault = super().take_fault(provider, look_up=look_up)
        if not fault["fault"]:
            drawn = self.draw(f"{provider} look-up" if look_up else provider)
            fault = {"fault": drawn, **self.mix.get("details", {})} if drawn else fault
        if fault["fault"]:
            self.note("faults.jsonl", provider=provider, fault=fault["fault"], look_up=look_up)
        return fault

    def accept(self, entry: dict[str, Any]) -> dict[str, Any]:
        entry = super().accept(entry)
        self.reporter.message_taken(entry)
        return entry


def _moved(folder: Path) -> datetime:
    """Read the time as it is where the engine is: whoever looks a message up asks what was taken since it was sent."""
    moves = folder / "clock.jsonl"
    lines = moves.read_text(encoding="utf-8").splitlines() if moves.exists() else []
    return datetime.now(UTC) + timedelta(seconds=sum(json.loads(line)["by"] for line in lines))


class LiveHandler(_Handler):
    """Also takes the calls of webhook steps, and tells how much is still to be reported."""

    def do_GET(self) -> None:
        if self.path == "/_pending":
            self._answer(200, self.provider.reporter.pending())
        elif self.path == "/_held":
            self._answer(200, list(self.provider.held))
        else:
            super().do_GET()

    def do_POST(self) -> None:
        if self.path != "/told":
            super().do_POST()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        provider = self.provider
        fault = provider.draw("hook")
        provider.note(
            "calls.jsonl", id=self.headers.get("webhook-id", ""), body=json.loads(body), fault=fault
        )
        if fault == "close":
            self._cut()
        elif fault:
            self._answer(int(fault), {"message": "not now"}, {"Retry-After": "1"} if fault == "429" else None)
        else:
            self._answer(200, {"ok": True})

    def _carry_out(self, fault: dict[str, Any], rejected: Any, accept: Callable[[], None]) -> None:
        if fault["fault"] != "slow":
            super()._carry_out(fault, rejected, accept)
            return
        port = self.client_address[1]
        self.provider.held.add(port)
        try:
            super()._carry_out(fault, rejected, accept)
        finally:
            self.provider.held.discard(port)


class Reporter:
    """Call-backs: each message in a manner of its own, sent again until it is answered with a 2xx."""

    def __init__(self, provider: LiveProvider) -> None:
        self.provider = provider
        self._queue: list[tuple[float, int, dict[str, Any]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._under_way = 0
        for _ in range(3):
            threading.Thread(target=self._work, daemon=True).start()

    def pending(self) -> int:
        """Say how many call-backs have not been answered yet."""
        with self._changed:
            return len(self._queue) + self._under_way

    def message_taken(self, entry: dict[str, Any]) -> None:
        """Plan what is reported about a message; one manner reports before the sender has its answer."""
        manner = self.provider.rng.choices(list(MANNERS), weights=list(MANNERS.values()))[0]
        if entry["provider"] == "twilio" and not entry["callback"]:
            return
        states = (
            ["sent", "delivered"] if entry["provider"] == "twilio" else ["processed", "delivered", "open"]
        )
        if manner == "never":
            return
        if manner == "forged":
            self._plan({"entry": entry, "state": "delivered", "manner": manner}, after=0.2)
            return
        if manner == "before the answer":
            self._send({"entry": entry, "state": states[0], "manner": manner, "tries": 0})
        if manner == "reversed":
            states.reverse()
        times = {"twice": 2, "46 times": 46}.get(manner, 1)
        wait = LATE_SECONDS if manner == "late" else 0.1
        for number, state in enumerate(states):
            for _ in range(times):
                self._plan({"entry": entry, "state": state, "manner": manner}, after=wait + number * 0.4)

    def _plan(self, report: dict[str, Any], *, after: float) -> None:
        with self._changed:
            heapq.heappush(
                self._queue, (time.monotonic() + after, next(self._numbers), {"tries": 0, **report})
            )
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue or self._queue[0][0] > time.monotonic():
                    self._changed.wait(
                        timeout=max(self._queue[0][0] - time.monotonic(), 0.01) if self._queue else None
                    )
                report = heapq.heappop(self._queue)[2]
                self._under_way += 1
            try:
                answered = self._send(report)
                report["tries"] += 1
                if not answered and report["manner"] != "forged" and report["tries"] < MOST_TRIES:
                    self._plan(report, after=AGAIN_SECONDS)
            finally:
                with self._changed:
                    self._under_way -= 1

    def _send(self, report: dict[str, Any]) -> bool:
        entry, state = report["entry"], report["state"]
        forged = report["manner"] == "forged"
        if entry["provider"] == "sendgrid":
            url = f"{self.provider.web}/hooks/sendgrid"
            event = sendgrid_event(
                "spamreport" if forged else state,
                message_id=entry["message_id"],
                event_id=f"{entry['id']}-{state}",
                sg_message_id=f"{entry['id']}.filter0001",
            )
            headers, body = (SendGridSigner() if forged else self.provider.signer).sign([event])
            headers["Content-Type"] = "application/json"
        else:
            url = entry["callback"]
            form = {
                "MessageSid": entry["id"],
                "MessageStatus": "failed" if forged else state,
                "To": entry["to"],
            }
            headers, body = sign_twilio(url, form, token="wrong" if forged else TWILIO_TOKEN)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        about = {"provider": entry["provider"], "id": entry["id"], "state": state, "manner": report["manner"]}
        # This process may be killed in between, and nobody would know that the report was taken.
        self.provider.note("begun.jsonl", **about)
        status = _post(url, headers, body)
        self.provider.note("callbacks.jsonl", **about, status=status)
        return 200 <= status < 300


def _post(url: str, headers: dict[str, str], body: bytes) -> int:
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=8) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def read_signer(path: Path) -> SendGridSigner:
    """Give the signer whose private key lies in a file."""
    signer = SendGridSigner()
    signer._key = load_pem_private_key(path.read_bytes(), password=None)
    return signer


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Stand in for both providers, and for a service that is called."
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--web", required=True)
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args()
    LiveProvider(
        folder=given.folder,
        port=given.port,
        web=given.web,
        signer=read_signer(given.folder / "sendgrid.pem"),
        seed=given.seed,
    ).serve()


if __name__ == "__main__":
    main()
