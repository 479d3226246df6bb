"""Two engines with the same promise, in an environment of their own: their packages are none of ours."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.meters import NotHere, meter
from bench.places import own_database
from bench.run import Run, Skipped
from bench.spending import MEASURING, STARTING, spending
from bench.workers import stopping
from dev.places import ROOT, VAR

TITLES = {"dbos": "DBOS chain", "procrastinate": "Procrastinate chain"}
REQUIREMENTS = ROOT / "requirements-bench.txt"
FOLDER = VAR / "bench-venv"
PROCESSES = 2
INSTALL_SECONDS, RUN_SECONDS = 240, 180


def measure(
    name: str, *, run: Run, chains: int, length: int
) -> tuple[int, float, Mapping[str, float] | None]:
    """Run so many chains of `length` empty steps; give steps, seconds and processor seconds by part.

    Raises:
        Skipped: it can not be installed, or does not run.
    """
    python = _python()
    script = Path(__file__).resolve().parent / f"{name}_chain.py"
    with own_database(run.database, suffix=name) as database:
        words = [database, str(chains), str(length), str(PROCESSES)]
        child = subprocess.Popen(  # noqa: S603 our own script
            [str(python), str(script), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={key: value for key, value in os.environ.items() if not key.startswith(("DJANGO", "PYTHON"))},
            start_new_session=True,
        )
        with stopping(child):
            with spending.on(STARTING):
                _await(child, "ready", name)
            try:
                found = meter(database=run.database, broker=run.broker, workers=[child.pid])
            except NotHere:
                found = None
            before = found.read() if found else None
            if child.stdin is not None:
                child.stdin.write("go\n")
                child.stdin.flush()
            with spending.on(MEASURING):
                line = _await(child, "{", name)
            cpu = found.read().since(before) if found and before else None
    answer = json.loads(line)
    return int(answer["steps"]), float(answer["seconds"]), cpu


def _await(child: subprocess.Popen[str], beginning: str, name: str) -> str:
    """Read the script's lines until one begins so."""
    lines: list[str] = []
    if child.stdout is not None:
        for line in child.stdout:
            if line.startswith(beginning):
                return line
            lines.append(line)
    error = child.stderr.read() if child.stderr is not None else ""
    raise Skipped(f"{TITLES[name]} did not run: {(''.join(lines) + error).strip()[-400:]}")


def _python() -> Path:
    """Give the Python that has them, after installing them where that was not done yet."""
    python = FOLDER / "bin" / "python"
    stamp = FOLDER / ".installed"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return python
    shutil.rmtree(FOLDER, ignore_errors=True)
    _carry_out([sys.executable, "-m", "venv", str(FOLDER)])
    uv = Path(sys.executable).parent / "uv"
    install = ["--require-hashes", "--only-binary", ":all:", "-r", str(REQUIREMENTS)]
    if uv.exists():
        _carry_out([str(uv), "pip", "install", "-q", "--system-certs", "--python", str(python), *install])
    else:
        _carry_out([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *install])
    stamp.write_text(digest, encoding="utf-8")
    return python


def _carry_out(words: list[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 our own words
            words, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Skipped("The package registry did not answer in time.") from None
    if done.returncode != 0:
        raise Skipped(f"It could not be installed: {done.stderr.strip()[-300:]}")
