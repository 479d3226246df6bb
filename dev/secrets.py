"""Keys of the local system, made once and kept under var/."""

from __future__ import annotations

import base64
import os
import secrets

from dev.places import SECRETS

_KEY_BYTES = 32


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _made() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DATA_KEYS": f"k1:{_key()}",
        "INDEX_KEY": _key(),
        "FLOWER_BASIC_AUTH": f"flower:{secrets.token_urlsafe(9)}",
    }


def read_secrets() -> dict[str, str]:
    """Return the local secrets; the first call makes them and writes them for the owner's eyes only."""
    known: dict[str, str] = {}
    if SECRETS.exists():
        lines = SECRETS.read_text(encoding="utf-8").splitlines()
        known = dict(line.split("=", 1) for line in lines if "=" in line)
    missing = {name: value for name, value in _made().items() if name not in known}
    if missing:
        known |= missing
        SECRETS.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(SECRETS, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in known.items())
    return known
