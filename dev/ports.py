"""Ports: free ones for servers nobody types, fixed ones for pages people open."""

from __future__ import annotations

import socket

from dev.places import Trouble


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int, *, host: str, setting: str) -> None:
    """Raise Trouble with the cure when the port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            message = f"Port {port} is in use. Choose another one, for example: make run {setting}={port + 1}"
            raise Trouble(message) from None
