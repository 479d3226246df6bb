"""The files for containers say what their tools accept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dev.system import addresses, programs

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def _run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_compose_file_follows_the_compose_specification():
    done = _run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")

    assert 0 == done.returncode, done.stdout


def test_dockerfile_passes_hadolint():
    done = _run(BIN / "hadolint", "--config", ".hadolint.yaml", "Dockerfile")

    assert 0 == done.returncode, done.stdout


def test_compose_file_holds_the_whole_stack(compose):
    expected = {
        "postgres",
        "valkey",
        "migrate",
        "web",
        "worker-urgent",
        "worker-steps",
        "worker-all",
        "worker-ticks",
        "beat",
        "flower",
    }

    assert expected == set(compose["services"])


def test_every_lasting_service_has_a_health_check(compose):
    without = {
        name
        for name, service in compose["services"].items()
        # The web service takes the one of the image.
        if name not in {"migrate", "web"} and "test" not in service.get("healthcheck", {})
    }

    assert set() == without
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_our_processes_run_without_privileges_and_stop_slower_than_a_task(compose):
    ours = [service for service in compose["services"].values() if service["image"] == "wedsync-journeys"]

    assert 8 == len(ours)
    assert all(service["cap_drop"] == ["ALL"] and service["read_only"] for service in ours)
    assert {"30s"} == {service["stop_grace_period"] for service in ours}
    assert "USER 10001" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_workers_do_not_talk_to_one_another(compose):
    commands = [one["command"] for one in compose["services"].values() if "worker" in one.get("command", [])]

    assert 4 == len(commands)
    assert all({"--without-gossip", "--without-mingle"} <= set(command) for command in commands)


def test_workers_serve_the_same_queues_in_the_same_way_as_on_a_developers_machine(compose):
    here = {one.name.removesuffix("-1"): one.command for one in programs(addresses())}

    for name in ("worker-urgent", "worker-steps", "worker-all", "worker-ticks"):
        there = compose["services"][name]["command"]
        assert here[name][here[name].index("-Q") + 1] == there[there.index("-Q") + 1]
        assert ("solo" in here[name]) == ("solo" in there)


def test_compose_file_holds_no_secret(compose):
    environment = compose["services"]["web"]["environment"]

    assert all(environment[name].startswith("${") for name in ("SECRET_KEY", "DATA_KEYS", "INDEX_KEY"))


def test_locks_name_no_index_address():
    for name in ("requirements", "requirements-local", "requirements-dev"):
        text = (ROOT / f"{name}.txt").read_text(encoding="utf-8")
        assert "://" not in text
        assert "--hash=sha256:" in text


def test_locks_hold_every_requirement_of_their_source():
    for name in ("requirements", "requirements-local", "requirements-dev"):
        lines = (ROOT / f"{name}.in").read_text(encoding="utf-8").splitlines()
        wanted = {
            line.split()[0].split("[")[0].split("==")[0] for line in lines if line and line[0] not in "#-"
        }
        lock = (ROOT / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        locked = {line.split("==")[0] for line in lock if line and line[0] not in "# -"}
        assert set() == wanted - locked
