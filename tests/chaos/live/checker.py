"""Judge a run from outside: the providers' ledgers and the database, and nothing that the engine counted itself.

`python -m tests.chaos.live.checker <folder> <database url>` judges a run that has ended, as long as its database
lives. Each judge gives sentences about what is broken; none is good. Rows are read with plain SQL. The only code of
the product that is called is the pure language, to replay histories.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

#: Calls that one blow to a worker may hide the answers of.
SLOTS = 2
#: What a report of the provider means, weightiest last: written down here once more, on purpose.
WEIGHTS = ("", "queued", "deferred", "dropped", "delivered", "bounced", "opened", "clicked")
MEANS = {"processed": "queued", "sent": "queued", "delivered": "delivered", "open": "opened"}
#: Faults of a provider behind which nobody can know whether a message was taken.
HIDING = frozenset(
    {"accept_then_close", "accept_then_5xx", "accept_then_garbage", "hang", "drip", "5xx", "close"}
)
#: Claims that a step may have without a result (docs/reliability.md).
MOST_CLAIMS = 5

Row = dict[str, Any]


@dataclass
class Evidence:
    """Files and rows of one run."""

    folder: Path
    database_url: str
    #: Signals, cuts and restarts that processes, wires and servers were given.
    blows: int = 0
    exact: dict[str, list[str]] = field(default_factory=dict)
    recoveries: list[Row] = field(default_factory=list)

    def lines(self, file: str) -> list[Row]:
        """Read one ledger file."""
        path = self.folder / file
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Read rows."""
        with psycopg.connect(self.database_url, row_factory=dict_row) as db:
            return db.execute(sql, values).fetchall()

    @cached_property
    def sends(self) -> list[Row]:
        """Give the messages that the providers took, each with the id that we gave it."""
        found = self.lines("sends.jsonl")
        for entry in found:
            if entry["provider"] == "twilio":
                entry["message_id"] = entry["callback"].rpartition("/")[2].partition(".")[0]
        return found

    @cached_property
    def messages(self) -> dict[str, Row]:
        """Give the engine's ledger by public id."""
        return {row["public_id"]: row for row in self.rows("SELECT * FROM channels_message")}

    @cached_property
    def instances(self) -> list[Row]:
        return self.rows(
            """SELECT i.*, j.name AS journey FROM engine_instance i
               JOIN journeys_journey j ON j.id = i.journey_id ORDER BY i.id"""
        )

    @cached_property
    def history(self) -> dict[int, list[Row]]:
        """Give what happened, in its order, by instance."""
        found: dict[int, list[Row]] = defaultdict(list)
        for row in self.rows("SELECT * FROM engine_nodeexecution ORDER BY id"):
            found[row["instance_id"]].append(row)
        return found


@dataclass(frozen=True, slots=True)
class Judge:
    """One invariant and how it is judged."""

    name: str
    promise: str
    look: Callable[[Evidence], Iterator[str]]


JUDGES: list[Judge] = []


def judge(
    name: str, promise: str
) -> Callable[[Callable[[Evidence], Iterator[str]]], Callable[[Evidence], Iterator[str]]]:
    """Enter an invariant."""

    def enter(look: Callable[[Evidence], Iterator[str]]) -> Callable[[Evidence], Iterator[str]]:
        JUDGES.append(Judge(name, promise, look))
        return look

    return enter


@judge("I1", "everything that was started has ended, and nothing stands anywhere")
def liveness(found: Evidence) -> Iterator[str]:
    for row in found.instances:
        if row["status"] in {"active", "paused"}:
            yield f"{row['public_id']} ({row['journey']}) is still {row['status']}"
    for row in found.rows(
        "SELECT instance_id, node_id, state, due_at, reason, claims, lease_until FROM engine_schedule"
    ):
        yield f"a place is left: {row}"
    for row in found.rows("SELECT id, topics FROM engine_wake"):
        yield f"a wake is left: {row}"
    for entry in found.lines("stalls.jsonl"):
        yield f"nobody looked for due work for {entry['seconds']} s: {entry['fault']}"
    known = {row["event_id"]: row for row in found.rows("SELECT event_id, outcomes FROM engine_triggerevent")}
    for entry in found.lines("events.jsonl"):
        event = known.get(entry["event_id"])
        if event is None:
            yield f"event {entry['event_id']} was acknowledged and is not there"
        elif 1 != [one["outcome"] for one in event["outcomes"]].count("started"):
            yield f"event {entry['event_id']} was to start one journey: {event['outcomes']}"


@judge("I2", "each message at the provider once, and both sides say the same")
def sent_once(found: Evidence) -> Iterator[str]:
    for ids, what in (
        (Counter(one["message_id"] for one in found.sends), "message"),
        # Without any id of ours: a person gets one message of one wording once.
        (Counter((one["to"], one.get("subject") or one["body"]) for one in found.sends), "wording"),
    ):
        yield from (f"{what} {key} went out {times} times" for key, times in ids.items() if times > 1)
    theirs = {one["message_id"] for one in found.sends}
    for public_id, row in found.messages.items():
        taken = public_id in theirs
        if taken and row["status"] not in {"accepted", "unknown"}:
            yield f"{public_id} is at the provider, and is shown as {row['status']} ({row['reason']})"
        if not taken and row["status"] in {"accepted", "unknown"} and row["settled_by"] != "person":
            yield f"{public_id} is not at the provider, and is shown as {row['status']} ({row['settled_by']})"
    for missing in theirs - found.messages.keys():
        yield f"{missing} is at the provider, and not in the ledger"
    hidden = sum(1 for one in found.lines("faults.jsonl") if one["fault"] in HIDING and not one["look_up"])
    doubted = sum(1 for row in found.messages.values() if row["in_doubt_since"] is not None)
    bound = hidden + found.blows * SLOTS
    if doubted > bound:
        yield f"{doubted} messages were in doubt, with {hidden} answers hidden and {found.blows} blows"


@judge("I2w", "each webhook that was done arrived, always under the same id")
def called(found: Evidence) -> Iterator[str]:
    arrived = Counter(one["id"] for one in found.lines("calls.jsonl"))
    whole = {one["id"] for one in found.lines("calls.jsonl") if not one["fault"]}
    for row in found.rows("SELECT public_id, place, status FROM engine_webhookcall"):
        if row["status"] == "answered" and row["public_id"] not in whole:
            yield f"{row['place']} is answered, and no call of it was"
        arrived.pop(row["public_id"], None)
    yield from (f"a call arrived under an id that nobody knows: {one}" for one in arrived)


@judge("I3", "a place is completed once, and what happened there before it")
def history_is_whole(found: Evidence) -> Iterator[str]:
    for row in found.instances:
        done = Counter()
        left: set[tuple[Any, ...]] = set()
        for one in found.history[row["id"]]:
            place = (one["node_id"], one["branch"], one["visit"])
            if place in left:
                yield f"{row['public_id']}: {place} {one['status']} after it was left"
            if one["status"] in {"succeeded", "skipped"}:
                done[place] += 1
            if one["status"] in {"succeeded", "skipped", "cancelled"}:
                left.add(place) if not _may_stay(one) else None
        yield from (
            f"{row['public_id']}: {place} done {times} times" for place, times in done.items() if times > 1
        )


def _may_stay(one: Row) -> bool:
    return bool(one["node_type"] == "merge")


@judge("I4", "a split gives a token to each branch, a merge joins them once")
def tokens(found: Evidence) -> Iterator[str]:
    for row in found.instances:
        if row["status"] != "completed":
            continue
        done = [one for one in found.history[row["id"]] if one["status"] in {"succeeded", "skipped"}]
        for split in (one for one in done if one["node_type"] == "split" and one["port"]):
            ports = split["port"].split(",")
            begun = {
                one["branch"].rpartition("/")[2].partition(".")[2]
                for one in found.history[row["id"]]
                if one["branch"].startswith(f"{split['node_id']}@{split['visit']}.")
            }
            if set(ports) != begun:
                yield f"{row['public_id']}: {split['node_id']} took {ports}, and {sorted(begun)} went on"
        merges = Counter(
            (one["node_id"], one["visit"])
            for one in done
            if one["node_type"] == "merge" and not one["branch"]
        )
        yield from (
            f"{row['public_id']}: {key} joined {times} times" for key, times in merges.items() if times > 1
        )


@judge("I5", "no step before its time")
def never_early(found: Evidence) -> Iterator[str]:
    pauses = {"rest": 2.0, "think": 1.0}
    for row in found.instances:
        before: dict[str, datetime] = {}
        for one in found.history[row["id"]]:
            if one["started_at"] < one["due_at"] and one["status"] != "cancelled":
                yield f"{row['public_id']}: {one['node_id']} begun {one['due_at'] - one['started_at']} early"
            hours = 3.0 if row["journey"] == "fan" else pauses.get(one["node_id"], 0.0)
            begun = before.get("split" if row["journey"] == "fan" else "any")
            passed = one["node_id"] in {"rest", "think"} and one["status"] == "succeeded"
            if passed and begun and one["at"] - begun < timedelta(hours=hours) - timedelta(seconds=1):
                yield f"{row['public_id']}: {one['node_id']} was passed {one['at'] - begun} after it began"
            before["any"] = one["at"]
            before[one["node_id"]] = one["at"]


@judge("I6", "nothing goes out after an opt-out, a cancellation or a pause was acknowledged")
def consent(found: Evidence) -> Iterator[str]:
    by_instance: dict[str, list[Row]] = defaultdict(list)
    to = {one["message_id"]: one["to"] for one in found.sends}
    by_phone: dict[str, list[Row]] = defaultdict(list)
    for public_id, row in found.messages.items():
        if public_id in to:
            by_instance[row["instance_ref"]].append(row)
            by_phone[to[public_id]].append(row)
    for entry in found.lines("acknowledged.jsonl"):
        since = datetime.fromisoformat(entry["at"])
        until = datetime.fromisoformat(entry["until"]) if "until" in entry else None
        concerned = by_phone[entry["phone"]] if "phone" in entry else by_instance[entry["instance"]]
        for row in concerned:
            if row["sending_at"] > since and (until is None or row["sending_at"] < until):
                yield f"{row['public_id']} went out at {row['sending_at']}, {entry['kind']} at {since}"


@judge("I8", "a step that kills its workers is set aside, its neighbors are not")
def poison(found: Evidence) -> Iterator[str]:
    for row in found.instances:
        failed = [one for one in found.history[row["id"]] if one["error_code"] == "poison"]
        if row["journey"] == "poison" and not failed:
            yield f"{row['public_id']} was never set aside: {[o['status'] for o in found.history[row['id']]]}"
        if row["journey"] != "poison" and failed:
            yield f"{row['public_id']} ({row['journey']}) at {failed[0]['node_id']} was taken for poison"


@judge("I11", "the same history whatever happened to bells and processes")
def same_history(found: Evidence) -> Iterator[str]:
    names = {row["public_id"]: row["id"] for row in found.instances}
    expected: Any = None
    for when, public_ids in found.exact.items():
        for public_id in public_ids:
            seen: dict[str, list[tuple[str, str]]] = defaultdict(list)
            for one in found.history[names[public_id]]:
                if one["status"] not in {"held", "retrying"}:
                    seen[one["branch"]].append((one["node_id"], one["status"]))
            if expected is None:
                expected = dict(seen)
            if dict(seen) != expected:
                yield f"{public_id} ({when}): {dict(seen)} instead of {expected}"


@judge("I12", "reports in any order and number come to the same end; forged ones to nothing")
def reports(found: Evidence) -> Iterator[str]:
    by_id = {one["id"]: one["message_id"] for one in found.sends}
    said: dict[str, set[str]] = defaultdict(set)
    #: What may have been taken, and nobody heard the answer.
    unheard: dict[str, set[str]] = defaultdict(set)
    answered = Counter((one["id"], one["state"]) for one in found.lines("callbacks.jsonl"))
    for one in found.lines("begun.jsonl"):
        answered[one["id"], one["state"]] -= 1
        if one["manner"] != "forged" and answered[one["id"], one["state"]] < 0:
            unheard[by_id[one["id"]]].add(MEANS[one["state"]])
    for one in found.lines("callbacks.jsonl"):
        taken = 200 <= one["status"] < 300
        if one["manner"] == "forged":
            if taken:
                yield f"a forged report about {by_id[one['id']]} was taken"
        elif taken:
            said[by_id[one["id"]]].add(MEANS[one["state"]])
        elif not 400 <= one["status"] < 500:
            unheard[by_id[one["id"]]].add(MEANS[one["state"]])
    for public_id, row in found.messages.items():
        sure = said[public_id] | {""}
        possible = {max(sure | {more}, key=WEIGHTS.index) for more in unheard[public_id] | {""}}
        if row["delivery"] not in possible:
            yield f"{public_id} is {row['delivery']!r}, and the provider said {sorted(said[public_id])}"


@judge("I13", "what is counted is what happened")
def counters(found: Evidence) -> Iterator[str]:
    assigned = found.rows(
        """SELECT client_id, experiment, count(*) FROM engine_variantassignment
           GROUP BY client_id, experiment, journey_id HAVING count(*) > 1"""
    )
    yield from (f"assigned twice: {row}" for row in assigned)
    tags = found.rows(
        """SELECT e.instance_id FROM engine_nodeexecution e WHERE e.node_id = 'mark' AND e.status = 'succeeded'
           AND NOT EXISTS (SELECT 1 FROM engine_instance i JOIN journeys_client_tags t ON t.client_id = i.client_id
                           WHERE i.id = e.instance_id)"""
    )
    yield from (f"a tag of instance {row['instance_id']} is not there" for row in tags)


@judge("I14", "history replayed through the graph comes to where everybody stands")
def replayed(found: Evidence) -> Iterator[str]:
    from journeys.language.graph import read_graph
    from journeys.language.registry import node_types, trigger_types
    from journeys.language.replaying import Happened, replay
    from journeys.models import Version

    # Definitions are encrypted: the model is asked to read them.
    graphs = {
        version.id: read_graph(version.definition, node_types=node_types, trigger_types=trigger_types)
        for version in Version.objects.all()
    }
    standing: dict[int, set[tuple[str, str, int]]] = defaultdict(set)
    for row in found.rows("SELECT instance_id, node_id, branch, visit FROM engine_schedule"):
        standing[row["instance_id"]].add((row["node_id"], row["branch"], row["visit"]))
    for row in found.instances:
        history = found.history[row["id"]]
        versions = {one["id"]: one["version_id"] for one in history}
        happened = [
            Happened(one["id"], one["node_id"], one["branch"], one["visit"], one["status"], one["port"])
            for one in history
        ]
        told = replay(
            happened,
            graph_at=lambda one, versions=versions: graphs[versions[one.number]],  # type: ignore[misc]
            start="start",
        )
        if told.faults:
            yield f"{row['public_id']} ({row['journey']}): {told.faults[0]}"
        elif (
            row["status"] in {"active", "paused", "completed"} and told.standing.keys() != standing[row["id"]]
        ):
            yield f"{row['public_id']}: by its history at {sorted(told.standing)}, stands at {standing[row['id']]}"


@judge("I15", "throughput is back at 95 % within 60 s of each fault")
def recovered(found: Evidence) -> Iterator[str]:
    for one in found.recoveries:
        if one["seconds"] is None:
            yield f"after '{one['fault']}' {one['after']:.1f} steps/s, before {one['before']:.1f}, for 60 s"


def verdicts(found: Evidence) -> dict[str, list[str]]:
    """Judge everything."""
    return {one.name: list(one.look(found)) for one in JUDGES}


def main() -> int:
    """Judge the run of a folder again, with what the run wrote down about itself."""
    import django

    django.setup()
    folder = Path(sys.argv[1])
    told = json.loads((folder / "run.json").read_text())
    found = Evidence(folder, sys.argv[2], told["blows"], told["exact"], told["recoveries"])
    broken = verdicts(found)
    for name, sentences in broken.items():
        sys.stdout.write(f"{name}: {len(sentences)} broken\n")
        sys.stdout.writelines(f"    {sentence}\n" for sentence in sentences[:10])
    return 1 if any(broken.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
