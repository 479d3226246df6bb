"""A real browser, and a vendor with couples on their way."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from engine.services.instances import instance_start
from journeys import clock
from journeys.models import Membership
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
PASSWORD = "a long password"
USER = "mafalda@luz.example.com"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A Chromium for the whole run, in a thread-free playwright of its own."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("No Chromium is installed: set CHROMIUM to its path.")
    # Playwright keeps an event loop in this thread; the ORM is used beside it on purpose.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server(chromium: Any, django_db_setup: None) -> Iterator[str]:
    """The real ASGI application under uvicorn, on the test's database."""
    port = _free_port()
    database = connection.settings_dict
    url = f"postgres://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "tests.e2e.serving:application",
            "--port",
            str(port),
            "--timeout-graceful-shutdown",
            "2",
            "--log-level",
            "warning",
        ],
        cwd=ROOT,
        env=environment,
    )
    base = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(f"{base}/health/live", timeout=2).close()  # noqa: S310 our own address
            break
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, "The server ended before it answered."
            assert time.monotonic() < until, "The server did not answer within 30 s."
            time.sleep(0.1)
    yield base
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)


@pytest.fixture
def world(server: str, transactional_db: None) -> SimpleNamespace:
    """Three couples in one journey: one before, one on, and one after the wedding day's month."""
    now = clock.now()
    vendor = a_vendor(now=now)
    user = User.objects.create_user(USER, password=PASSWORD, first_name="Mafalda", last_name="Reis")
    Membership.objects.create(vendor=vendor, user=user, role="owner", created_at=now)
    journey = (
        a_journey()
        .email("welcome")
        .wait_for_date("month_before", "-30d")
        .sms("checklist")
        .wait_for_date("week_after", "7d")
        .email("review")
        .publish(vendor, now=now, name="Photography")
    )
    couples = [a_couple(vendor, now=now, wedding_in=timedelta(days=days)) for days in (200, 60, 0)]
    instances = [
        instance_start(vendor=vendor, journey=journey, client=one, variables={}, now=now, actor=ACTOR)
        for one in couples
    ]
    run_until_idle(now)
    return SimpleNamespace(
        base=server, now=now, vendor=vendor, journey=journey, couples=couples, instances=instances
    )


@pytest.fixture
def page(chromium: Any, world: SimpleNamespace) -> Iterator[Any]:
    """A page of somebody who has logged in; anything the browser complains of fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console", lambda line: complaints.append(line.text) if line.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{world.base}/login/")
    page.get_by_label("Name or e-mail").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/journey-monitor/")
    yield page
    context.close()
    assert complaints == []
