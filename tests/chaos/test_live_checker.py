"""The judge of live chaos sees what is wrong: a ledger with one fault in it for each invariant that it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.live.checker import JUDGES, Evidence
from tests.chaos.live.spending import FILE

NOW = datetime(2027, 4, 14, 9, 0, tzinfo=UTC)


class Forged(Evidence):
    """Evidence that a test makes up: no database behind it."""

    tables: dict[str, list[dict[str, Any]]]

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return next((rows for name, rows in self.tables.items() if name in sql), [])


def an_execution(node_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "node_id": node_id,
        "node_type": "email",
        "branch": "",
        "visit": 1,
        "status": "succeeded",
        "port": "next",
        "error_code": "",
        "due_at": NOW,
        "started_at": NOW,
        "at": NOW,
        **more,
    }


def a_message(**more: Any) -> dict[str, Any]:
    return {
        "public_id": "msg_1",
        "status": "accepted",
        "settled_by": "response",
        "reason": "",
        "delivery": "",
        "in_doubt_since": None,
        "instance_ref": "ins_1",
        "sending_at": NOW,
        **more,
    }


def a_send(**more: Any) -> dict[str, Any]:
    entry = {"provider": "sendgrid", "id": "theirs", "message_id": "msg_1", "to": "ana@example.com"}
    return {**entry, "subject": "Welcome", "body": "", **more}


def spending(**more: Any) -> dict[str, Any]:
    """Say what a stack takes for itself."""
    database = {"connections": 20, "oldest transaction": 0.1, "prepared transactions": 0}
    return {**database, "Redis": 2**20, "bells left": 0, "memory": {"one": 150 * 2**20}, **more}


@pytest.fixture
def evidence(tmp_path: Path) -> Iterator[Forged]:
    """One passage that ended, with one message that both sides know."""
    found = Forged(tmp_path, "")
    found.tables = {}
    instance = {"id": 1, "public_id": "ins_1", "status": "completed", "journey": "steady"}
    found.__dict__["instances"] = [instance]
    found.__dict__["history"] = {1: [an_execution("welcome")]}
    found.__dict__["messages"] = {"msg_1": a_message()}
    write(found, "sends.jsonl", a_send())
    (found.folder / FILE).write_text(json.dumps({"before": spending(), "after": spending()}))
    return found


def write(found: Evidence, file: str, *entries: dict[str, Any]) -> None:
    (found.folder / file).write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def sentences(found: Evidence, name: str) -> list[str]:
    return list(next(one for one in JUDGES if one.name == name).look(found))


JUDGED_HERE = ("I1", "I2", "I2w", "I3", "I4", "I5", "I6", "I8", "I10", "I11", "I12", "I13", "I15")


@pytest.mark.parametrize("name", JUDGED_HERE)
def test_judge_says_nothing_where_nothing_is_wrong(name: str, evidence: Forged) -> None:
    assert [] == sentences(evidence, name)


def test_passage_that_never_ended_is_seen(evidence: Forged) -> None:
    evidence.instances[0]["status"] = "active"

    assert 1 == len(sentences(evidence, "I1"))


def test_event_that_was_acknowledged_and_is_lost_is_seen(evidence: Forged) -> None:
    write(evidence, "events.jsonl", {"event_id": "pay-1", "topic": "steady"})

    assert ["event pay-1 was acknowledged and is not there"] == sentences(evidence, "I1")


def test_message_that_went_out_twice_is_seen(evidence: Forged) -> None:
    write(evidence, "sends.jsonl", a_send(), a_send(id="again"))

    assert any("msg_1 went out 2 times" in one for one in sentences(evidence, "I2"))


def test_message_that_went_out_twice_under_two_ids_is_seen(evidence: Forged) -> None:
    write(evidence, "sends.jsonl", a_send(), a_send(id="again", message_id="msg_2"))
    evidence.messages["msg_2"] = a_message(public_id="msg_2")

    assert 1 == len(sentences(evidence, "I2"))


@pytest.mark.parametrize("status", ["retry", "rejected", "withheld", "in_doubt"])
def test_message_that_is_there_and_shown_as_not_sent_is_seen(status: str, evidence: Forged) -> None:
    evidence.messages["msg_1"]["status"] = status

    assert 1 == len(sentences(evidence, "I2"))


def test_message_that_is_shown_as_sent_and_is_not_there_is_seen(evidence: Forged) -> None:
    write(evidence, "sends.jsonl")

    assert 1 == len(sentences(evidence, "I2"))


def test_doubt_without_any_fault_is_seen(evidence: Forged) -> None:
    evidence.messages["msg_1"]["in_doubt_since"] = NOW

    assert 1 == len(sentences(evidence, "I2"))


def test_webhook_that_counts_as_answered_and_never_arrived_is_seen(evidence: Forged) -> None:
    evidence.tables["engine_webhookcall"] = [
        {"public_id": "whk_1", "place": "ins_1:tell", "status": "answered"}
    ]

    assert 1 == len(sentences(evidence, "I2w"))


def test_place_that_was_done_twice_is_seen(evidence: Forged) -> None:
    evidence.history[1].append(an_execution("welcome"))

    assert any("done 2 times" in one for one in sentences(evidence, "I3"))


def test_branch_that_nobody_went_is_seen(evidence: Forged) -> None:
    evidence.history[1] = [
        an_execution("split", node_type="split", port="a,b"),
        an_execution("letter", branch="split@1.a"),
    ]

    assert 1 == len(sentences(evidence, "I4"))


def test_merge_that_joined_twice_is_seen(evidence: Forged) -> None:
    evidence.history[1] = [an_execution("merge", node_type="merge")] * 2

    assert 1 == len(sentences(evidence, "I4"))


def test_step_before_its_time_is_seen(evidence: Forged) -> None:
    evidence.history[1] = [an_execution("welcome", due_at=NOW + timedelta(seconds=1))]

    assert 1 == len(sentences(evidence, "I5"))


def test_wait_that_was_too_short_is_seen(evidence: Forged) -> None:
    evidence.history[1].append(an_execution("rest", at=NOW + timedelta(hours=1, minutes=59)))

    assert 1 == len(sentences(evidence, "I5"))


def test_message_after_a_cancellation_is_seen(evidence: Forged) -> None:
    before = (NOW - timedelta(seconds=1)).isoformat()
    write(evidence, "acknowledged.jsonl", {"kind": "cancelled", "instance": "ins_1", "at": before})

    assert 1 == len(sentences(evidence, "I6"))


def test_poisoned_step_that_was_never_set_aside_is_seen(evidence: Forged) -> None:
    evidence.instances[0]["journey"] = "poison"

    assert 1 == len(sentences(evidence, "I8"))


def test_neighbor_that_was_taken_for_poison_is_seen(evidence: Forged) -> None:
    evidence.history[1] = [an_execution("near", error_code="poison")]

    assert 1 == len(sentences(evidence, "I8"))


def test_history_that_is_another_one_is_seen(evidence: Forged) -> None:
    evidence.instances.append({"id": 2, "public_id": "ins_2", "status": "completed", "journey": "exact"})
    evidence.history[2] = [an_execution("guide")]
    evidence.exact = {"undisturbed": ["ins_1"], "redis emptied": ["ins_2"]}

    assert 1 == len(sentences(evidence, "I11"))


@pytest.mark.parametrize(
    ("report", "seen"),
    [
        ({"state": "delivered", "manner": "reversed", "status": 204}, 1),
        ({"state": "delivered", "manner": "forged", "status": 204}, 1),
        ({"state": "delivered", "manner": "forged", "status": 403}, 0),
        ({"state": "delivered", "manner": "twice", "status": 503}, 0),
    ],
)
def test_report_that_had_no_effect_or_should_have_had_none_is_seen(
    report: dict[str, Any], seen: int, evidence: Forged
) -> None:
    write(evidence, "callbacks.jsonl", {"id": "theirs", "provider": "sendgrid", **report})

    assert seen == len(sentences(evidence, "I12"))


@pytest.mark.parametrize(
    ("files", "seen"),
    [
        ({}, 1),
        ({"begun.jsonl": "in order"}, 0),
        ({"begun.jsonl": "forged"}, 1),
        ({"begun.jsonl": "in order", "callbacks.jsonl": "in order"}, 1),
    ],
    ids=["nobody began to", "it was begun", "a forgery was begun", "it was refused"],
)
def test_report_whose_answer_nobody_heard_may_have_been_taken(
    files: dict[str, str], seen: int, evidence: Forged
) -> None:
    evidence.messages["msg_1"]["delivery"] = "delivered"
    for file, manner in files.items():
        write(
            evidence,
            file,
            {"id": "theirs", "provider": "sendgrid", "state": "delivered", "manner": manner, "status": 403},
        )

    assert seen == len(sentences(evidence, "I12"))


def test_throughput_that_did_not_come_back_is_seen(evidence: Forged) -> None:
    evidence.recoveries = [{"fault": "redis away", "before": 8.0, "after": 4.0, "seconds": None}]

    assert 1 == len(sentences(evidence, "I15"))


@pytest.mark.parametrize(
    "more",
    [
        {"connections": 80},
        {"oldest transaction": 61.0},
        {"prepared transactions": 1},
        {"bells left": 1},
        {"Redis": 4 * 2**20},
        {"memory": {"one": 300 * 2**20}},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_was_not_given_back_is_seen(more: dict[str, Any], evidence: Forged) -> None:
    told = {"before": spending(), "after": spending(**more)}
    (evidence.folder / FILE).write_text(json.dumps(told))

    assert 1 == len(sentences(evidence, "I10"))


def test_run_that_never_looked_what_it_takes_is_seen(evidence: Forged) -> None:
    (evidence.folder / FILE).unlink()

    assert 1 == len(sentences(evidence, "I10"))
