"""Tasks with choices over REST."""

from __future__ import annotations

from journeys.models import Client
from journeys.services.tasks import task_add
from tests.functional.api.calling import WRITTEN, Caller


def test_a_task_with_choices_is_finished_by_one_of_them(api: Caller, couple: Client) -> None:
    task = task_add(client=couple, title="Upgrade?", choices=["yes", "no"], now=WRITTEN, actor="test")
    path = f"/api/tasks/{task.public_id}"
    assert (["yes", "no"], "") == tuple(api.get(path).json()[name] for name in ("choices", "choice"))

    without = api.post(f"{path}/finish")
    unknown = api.post(f"{path}/finish", {"choice": "maybe"})
    done = api.post(f"{path}/finish", {"choice": "yes"})
    again = api.post(f"{path}/finish", {"choice": "yes"})
    other = api.post(f"{path}/finish", {"choice": "no"})

    assert (400, "choice_needed") == (without.status_code, without.json()["code"])
    assert (400, "unknown_choice") == (unknown.status_code, unknown.json()["code"])
    assert (200, "yes") == (done.status_code, done.json()["choice"])
    assert done.json() == again.json()
    assert (409, "already_done") == (other.status_code, other.json()["code"])


def test_a_task_without_choices_takes_none(api: Caller, couple: Client) -> None:
    task = task_add(client=couple, title="Call", now=WRITTEN, actor="test")

    answer = api.post(f"/api/tasks/{task.public_id}/finish", {"choice": "yes"})

    assert (400, "unknown_choice") == (answer.status_code, answer.json()["code"])


def test_a_task_of_somebody_else_is_not_finished(stranger: Caller, couple: Client) -> None:
    task = task_add(client=couple, title="Upgrade?", choices=["yes", "no"], now=WRITTEN, actor="test")

    answer = stranger.post(f"/api/tasks/{task.public_id}/finish", {"choice": "yes"})

    task.refresh_from_db()
    assert (404, None) == (answer.status_code, task.done_at)
