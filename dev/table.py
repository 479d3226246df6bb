"""The table that tells a person what runs where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from dev.places import DEMO, RUNNING
from dev.system import Addresses


def _demo() -> Mapping[str, Any]:
    """Read what `manage.py demo` wrote down; nothing when there is no demo."""
    if not DEMO.exists():
        return {}
    facts: Mapping[str, Any] = json.loads(DEMO.read_text(encoding="utf-8"))
    return facts


def _server(url: str) -> str:
    """Show a server's address without its password."""
    parts = urlsplit(url)
    host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    return f"{parts.scheme}://{host}{parts.path}"


def rows(where: Addresses, env: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return name and value of each line."""
    demo = _demo()
    flower_user, _, flower_password = env.get("FLOWER_BASIC_AUTH", "").partition(":")
    lines = [
        ("Journey Monitor", f"{where.web}/journey-monitor/"),
        ("Admin", f"{where.web}/admin/"),
        ("API docs", f"{where.web}/api/docs"),
        ("Message sink", f"{where.web}/sink/"),
        ("Flower", f"{where.flower}/  (user {flower_user}, password {flower_password})"),
        ("PostgreSQL", _server(env["DATABASE_URL"])),
        ("Redis or Valkey", _server(env["REDIS_URL"])),
    ]
    if demo:
        lines += [
            ("Sign in as", f"{demo.get('user', 'demo@wedsync.test')}, password {demo.get('password', '')}"),
            ("API key", f"{demo.get('api_key', '')}  (header: Authorization: Api-Key …)"),
        ]
    return [*lines, ("Stop", f"Ctrl-C, or make stop  (notes in {RUNNING.parent.name}/log)")]


def table(where: Addresses, env: Mapping[str, str]) -> str:
    """Draw the rows in a frame."""
    lines = rows(where, env)
    left = max(len(name) for name, _ in lines)
    width = left + 4 + max(len(value) for _, value in lines)
    body = [f"  {name:<{left}}  {value}" for name, value in lines]
    return "\n".join(["", "─" * width, *body, "─" * width, ""])
