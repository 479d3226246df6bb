"""A web server that forks a process for each request, so that a process may die with its request."""

from __future__ import annotations

import socketserver
import sys
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.core.wsgi import get_wsgi_application


class _Forking(socketserver.ForkingMixIn, WSGIServer):
    """One process for each request."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library's name
        """Say nothing."""


def serve(port_file: Path) -> None:
    """Write the port into a file and serve until the process is killed."""
    with _Forking(("127.0.0.1", 0), _Quiet) as server:
        server.set_app(get_wsgi_application())
        port_file.write_text(str(server.server_port), encoding="utf-8")
        server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
