"""What the local commands choose, and how they say no."""

from __future__ import annotations

import socket
import stat

import pytest

from dev import __main__ as commands
from dev import secrets, servers, table
from dev.places import Trouble
from dev.ports import free_port, require_free
from dev.system import Addresses, addresses, programs
from engine.broker_queues import STEP_QUEUES
from engine.services.priorities import QUEUES

WHERE = Addresses(host="127.0.0.1", port=8000, flower_port=5555)


def test_taken_port_is_one_sentence_with_the_cure():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(Trouble) as caught:
            require_free(port, host="127.0.0.1", setting="PORT")

    assert f"Port {port} is in use. Choose another one, for example: make run PORT={port + 1}" == str(
        caught.value
    )


def test_taken_port_ends_the_run_with_code_2(monkeypatch, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))

        assert 2 == commands.main(["run"])

    assert capsys.readouterr().err.startswith("Port ")


def test_free_port_is_free():
    require_free(free_port(), host="127.0.0.1", setting="PORT")


@pytest.mark.parametrize("text", ["0", "65536", "http"])
def test_port_that_is_no_port_is_refused(monkeypatch, text):
    monkeypatch.setenv("PORT", text)

    with pytest.raises(Trouble, match="PORT must be a number from 1 to 65535"):
        addresses()


def test_secrets_are_made_once_for_the_owner_only(monkeypatch, tmp_path):
    monkeypatch.setattr(secrets, "SECRETS", tmp_path / "secrets.env")

    first = secrets.read_secrets()

    assert first == secrets.read_secrets()
    assert {"SECRET_KEY", "DATA_KEYS", "INDEX_KEY", "FLOWER_BASIC_AUTH"} == set(first)
    assert 0o600 == stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode)


def test_secret_that_is_missing_is_added_and_the_others_stay(monkeypatch, tmp_path):
    monkeypatch.setattr(secrets, "SECRETS", tmp_path / "secrets.env")
    (tmp_path / "secrets.env").write_text("SECRET_KEY=mine\n", encoding="utf-8")

    assert "mine" == secrets.read_secrets()["SECRET_KEY"]
    assert "INDEX_KEY" in secrets.read_secrets()


def test_words_of_the_shell_win_over_ours(monkeypatch, tmp_path):
    monkeypatch.setattr(secrets, "SECRETS", tmp_path / "secrets.env")
    monkeypatch.setenv("SECRET_KEY", "from the shell")
    monkeypatch.setenv("LOG_FORMAT", "")

    env = servers.local_environment({"DATABASE_URL": "d", "REDIS_URL": "r"})

    assert ("from the shell", "console", "d") == (env["SECRET_KEY"], env["LOG_FORMAT"], env["DATABASE_URL"])


def test_urgent_work_and_ticks_have_workers_of_their_own(monkeypatch):
    monkeypatch.setenv("WORKER_CONCURRENCY", "7")
    commands_by_name = {program.name: " ".join(program.command) for program in programs(WHERE)}

    steps = ["worker-steps-1", "worker-steps-2"]
    names = ["web", "worker-urgent", *steps, "worker-all", "worker-ticks", "beat", "flower"]
    assert names == list(commands_by_name)
    urgent = "-Q critical,critical.steps,high,high.steps -P prefork -c 2"
    assert urgent in commands_by_name["worker-urgent"]
    assert "-Q critical,high,medium,low -P prefork -c 7" in commands_by_name["worker-all"]
    assert "-Q ticks -P threads" in commands_by_name["worker-ticks"]


def test_instant_steps_have_as_many_workers_without_a_pool_as_was_said(monkeypatch):
    monkeypatch.setenv("STEP_WORKERS", "3")
    commands = {one.name: " ".join(one.command) for one in programs(WHERE) if "steps" in one.name}

    assert ["worker-steps-1", "worker-steps-2", "worker-steps-3"] == list(commands)
    queues = "-Q critical.steps,high.steps,medium.steps,low.steps -P solo"
    assert all(f"-n {name}@%h {queues}" in command for name, command in commands.items())


def test_every_queue_of_the_broker_has_a_worker_that_serves_it():
    served = {
        queue
        for one in programs(WHERE)
        if "-Q" in one.command
        for queue in one.command[one.command.index("-Q") + 1].split(",")
    }

    assert {*QUEUES, *STEP_QUEUES, "ticks"} == served


@pytest.mark.parametrize(("named", "processes"), [(None, "1"), ("3", "3")])
def test_web_has_as_many_processes_as_was_said(monkeypatch, named, processes):
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    if named:
        monkeypatch.setenv("WEB_CONCURRENCY", named)
    command = next(program.command for program in programs(WHERE) if program.name == "web")

    assert processes == command[command.index("--workers") + 1]


def test_workers_do_not_talk_to_one_another():
    workers = [one.command for one in programs(WHERE) if "worker" in one.command]

    assert 5 == len(workers)
    assert all({"--without-gossip", "--without-mingle"} <= set(command) for command in workers)


def test_worker_of_all_queues_chooses_its_size_itself_unless_it_was_named(monkeypatch):
    monkeypatch.delenv("WORKER_CONCURRENCY", raising=False)
    command = next(program.command for program in programs(WHERE) if program.name == "worker-all")

    assert "-c" not in command


def test_table_shows_pages_and_demo_but_no_database_password(monkeypatch, tmp_path):
    demo = tmp_path / "demo.json"
    demo.write_text(
        '{"user": "demo@wedsync.test", "password": "open-sesame", "api_key": "abc.def"}', encoding="utf-8"
    )
    monkeypatch.setattr(table, "DEMO", demo)

    text = table.table(
        WHERE,
        {
            "DATABASE_URL": "postgres://me:hidden@db:5432/journeys",
            "REDIS_URL": "redis://127.0.0.1:6379/0",
            "FLOWER_BASIC_AUTH": "flower:petal",
        },
    )

    for shown in (
        "http://localhost:8000/journey-monitor/",
        "http://localhost:8000/sink/",
        "open-sesame",
        "abc.def",
        "petal",
    ):
        assert shown in text
    assert "hidden" not in text
    assert "postgres://db:5432/journeys" in text


def test_exec_without_a_command_says_what_to_do(capsys):
    assert 2 == commands.main(["exec"])
    assert "python -m dev exec manage.py shell" in capsys.readouterr().err
