"""Calls to addresses that a vendor has written down: signed, and never into our own network.

A name is resolved once, what it resolves to is judged, and that very address is connected to: a name that changes
its mind in between (DNS rebinding) gains nothing. Redirects are answers, not ways.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import SplitResult, urlsplit

from channels import transport
from channels.transport import Answer, NotSent

#: Longest address that is called, in characters.
LONGEST_URL = 4000
#: Most seconds for a name to be resolved and a connection to be made.
CONNECT_SECONDS = 4.0
SIGNING_PREFIX = "whsec_"

_PORTS = {"http": 80, "https": 443}
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\\<>\"`{}|^]")
#: Global unicast; everything else of IPv6 is something special.
_UNICAST = ipaddress.ip_network("2000::/3")
#: What is not of the open internet (IANA special-purpose registries), written out: libraries differ by version.
_SPECIAL = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        # Protocol assignments and tunnels, in which a private IPv4 address can hide; documentation.
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    )
)


class AddressRefused(Exception):
    """The address may not be called; nothing was sent."""

    def __init__(self, reason: str) -> None:
        """Keep a sentence for people that does not hold the address."""
        self.reason = reason
        super().__init__(reason)


def call(
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    timeout: float,
    ports: frozenset[int],
    allow_private: bool,
) -> Answer:
    """Call an address once and give its answer, whatever its status.

    Args:
        method: GET, POST, PUT, PATCH or DELETE.
        url: http or https, without user and password.
        headers: as they are sent.
        body: None for a call without.
        timeout: seconds for everything together.
        ports: that may be called.
        allow_private: lets this machine and private networks be called, on any port; for tests and demos.

    Raises:
        AddressRefused: the address may not be called.
        NotSent: it can not be reached; nothing was sent.
        NoAnswer: something was sent, and no whole answer came (AnswerTooLarge: too much of one).
    """
    began = time.monotonic()
    timeout = transport.seconds_allowed(timeout)
    parts = checked_url(url, ports=ports, allow_private=allow_private)
    port = parts.port or _PORTS[parts.scheme]
    host = _ascii_host(parts)
    address = resolved(host, port, allow_private=allow_private, timeout=min(timeout, CONNECT_SECONDS))
    connect = min(timeout, CONNECT_SECONDS)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = _PinnedTLS(host, port, address=address, timeout=connect)
    else:
        connection = _Pinned(host, port, address=address, timeout=connect)
    return transport.speak(
        connection,
        method=method,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        headers=headers,
        body=body,
        timeout=max(timeout - (time.monotonic() - began), 0.1),
    )


def checked_url(url: str, *, ports: frozenset[int], allow_private: bool) -> SplitResult:
    """Read an address and judge everything about it but where its name leads.

    Raises:
        AddressRefused: with the cure.
    """
    if len(url) > LONGEST_URL:
        raise AddressRefused(f"The address is longer than {LONGEST_URL:,} characters: shorten it.")
    if _NOT_IN_URLS.search(url) or not url.partition("//")[2].partition("/")[2].isascii():
        raise AddressRefused("The address holds a character that no address has: write it percent-encoded.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("The address can not be read: check its host and port.") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise AddressRefused("The address must begin with https:// or http:// and a host.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("The address holds a user or password: put them into a header, as a secret.")
    if not allow_private and (port or _PORTS[parts.scheme]) not in ports:
        raise AddressRefused(f"Port {port} may not be called: use 443, or have it allowed.")
    return parts


def resolved(host: str, port: int, *, allow_private: bool, timeout: float) -> str:
    """Give the address that a name leads to, once; every address that it has must be a public one.

    Raises:
        AddressRefused: one of them is not.
        NotSent: the name is not known, or nobody answered in time.
    """
    found: queue.SimpleQueue[list[str] | OSError | UnicodeError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.put([str(row[4][0]) for row in rows])
        except (OSError, UnicodeError) as error:
            found.put(error)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        answer = found.get(timeout=timeout)
    except queue.Empty:
        raise NotSent("NameTimeout") from None
    if not isinstance(answer, list) or not answer:
        raise NotSent("NameUnknown")
    if not allow_private and not all(is_public(address) for address in answer):
        raise AddressRefused("The address leads into a private network: only public ones may be called.")
    return answer[0]


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to a machine of the open internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip not in _UNICAST:
            return False
    return ip.is_global and not any(ip in block for block in _SPECIAL)


def signatures(*, secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Give the three headers of Standard Webhooks: HMAC-SHA256 over "<id>.<seconds>.<body>", once for each secret.

    Raises:
        ValueError: a secret is not base64 behind its prefix.
    """
    seconds = str(int(at.timestamp()))
    signed = f"{message_id}.{seconds}.".encode() + body
    made = []
    for secret in secrets:
        try:
            key = base64.b64decode(secret.removeprefix(SIGNING_PREFIX), validate=True)
        except binascii.Error:
            raise ValueError("A signing secret is not base64: rotate it.") from None
        made.append("v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(made),
    }


def _ascii_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        raise AddressRefused("The host has no valid name: write it as its registrar does.") from None


class _Pinned(http.client.HTTPConnection):
    """Connect to the address that was judged, and speak to the host by its name."""

    def __init__(self, host: str, port: int, *, address: str, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self.address = address

    def connect(self) -> None:
        """Open the connection."""
        self.sock = socket.create_connection((self.address, self.port), self.timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _PinnedTLS(_Pinned):
    """The same over TLS, with the certificate checked against the host's name."""

    default_port = 443

    def connect(self) -> None:
        """Open the connection and agree on keys."""
        super().connect()
        context: ssl.SSLContext = transport.tls()
        self.sock = context.wrap_socket(self.sock, server_hostname=self.host)
