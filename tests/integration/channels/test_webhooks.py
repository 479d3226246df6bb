"""Calls to addresses that a vendor wrote down: where they may lead, and what may come back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from unittest import mock

import pytest

from channels import transport, webhooks
from channels.transport import AnswerTooLarge, NoAnswer, NotSent
from channels.webhooks import AddressRefused
from tests.fakes.webhook_server import Service, a_service

PORTS = frozenset({80, 443})
CALL: dict[str, Any] = {
    "method": "POST",
    "headers": {"Content-Type": "application/json"},
    "body": b"{}",
    "timeout": 2.0,
    "ports": PORTS,
}


@pytest.fixture
def service() -> Iterator[Service]:
    with a_service() as running:
        yield running


def resolving_to(*addresses: str) -> Any:
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]
    return mock.patch.object(socket, "getaddrinfo", return_value=rows)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:53aa:64c:0:fffe:80ff:fffe",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "not an address",
    ],
)
def test_nothing_inside_is_public(address: str) -> None:
    assert not webhooks.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_the_open_internet_is_public(address: str) -> None:
    assert webhooks.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "https://user:hunter2@example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/",
        "http:///path",
        "http://example.com:22/",
        "http://example.com:6379/",
        "http://example.com:99999/",
        "http://example.com/a b",
        "http://example.com/\r\nX-Bad: 1",
        "http://example.com\\@127.0.0.1/",
        "http://example.com/é",
        f"http://example.com/{'x' * 5000}",
    ],
)
def test_an_address_that_may_not_be_called_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        webhooks.call(**CALL, url=url, allow_private=False)

    assert "hunter2" not in refused.value.reason


def test_a_name_with_one_private_address_is_refused() -> None:
    with resolving_to("8.8.8.8", "10.0.0.1"), pytest.raises(AddressRefused):
        webhooks.call(**CALL, url="http://rebinding.example/", allow_private=False)


def test_the_address_that_was_judged_is_the_one_that_is_connected_to() -> None:
    """A name that is public when it is asked first and private afterwards leads nowhere new."""
    with (
        resolving_to("203.0.113.7"),
        mock.patch.object(webhooks, "is_public", return_value=True),
        mock.patch.object(socket, "create_connection", side_effect=ConnectionRefusedError) as connected,
        pytest.raises(NotSent),
    ):
        webhooks.call(**CALL, url="http://rebinding.example/", allow_private=False)

    assert connected.call_args.args[0] == ("203.0.113.7", 80)


def test_a_certificate_is_checked_against_the_name_and_not_the_address(service: Service) -> None:
    with pytest.raises(NotSent):
        webhooks.call(**CALL, url=f"https://127.0.0.1:{service.port}/", allow_private=True)


def test_an_answer_comes_back_whatever_its_status(service: Service) -> None:
    service.answers = [(418, {"Retry-After": "7"}, b"short")]

    answer = webhooks.call(**CALL, url=f"{service.url}/tea?x=1", allow_private=True)

    assert (answer.status, answer.body, answer.headers["retry-after"]) == (418, b"short", "7")
    assert (service.told[0].method, service.told[0].path) == ("POST", "/tea?x=1")
    assert service.told[0].headers["host"] == f"127.0.0.1:{service.port}"


def test_a_redirect_is_an_answer_and_not_a_way(service: Service) -> None:
    service.answers = [(302, {"Location": "http://169.254.169.254/"}, b"")]

    answer = webhooks.call(**CALL, url=service.url + "/", allow_private=True)

    assert answer.status == 302
    assert len(service.told) == 1


@pytest.mark.parametrize("way", ["huge", "endless"])
def test_an_answer_of_more_than_a_megabyte_is_cut_off(service: Service, way: str) -> None:
    service.answers = [way]

    with pytest.raises(AnswerTooLarge):
        webhooks.call(**CALL, url=service.url + "/", allow_private=True)


@pytest.mark.parametrize("way", ["slow", "drip", "cut"])
def test_a_slow_or_broken_answer_is_none_and_ends_in_time(service: Service, way: str) -> None:
    service.answers = [way]
    began = time.monotonic()

    with pytest.raises(NoAnswer):
        webhooks.call(**{**CALL, "timeout": 0.6}, url=service.url + "/", allow_private=True)

    assert time.monotonic() - began < 3


def test_a_time_limit_around_the_call_is_shorter_than_the_calls_own(service: Service) -> None:
    service.answers = ["slow"]
    began = time.monotonic()

    with transport.time_limit(0.4), pytest.raises(NoAnswer):
        webhooks.call(**{**CALL, "timeout": 9}, url=service.url + "/", allow_private=True)

    assert time.monotonic() - began < 3


def test_nobody_there_means_that_nothing_was_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(NotSent):
        webhooks.call(**CALL, url=f"http://127.0.0.1:{port}/", allow_private=True)


def test_signatures_are_those_of_standard_webhooks(now: datetime) -> None:
    """The vector is computed here from the text of the specification."""
    key, old = b"k" * 32, b"o" * 32
    secrets = ["whsec_" + base64.b64encode(one).decode() for one in (key, old)]

    headers = webhooks.signatures(secrets=secrets, message_id="whk_1", at=now, body=b'{"a":1}')

    signed = f'whk_1.{int(now.timestamp())}.{{"a":1}}'.encode()
    expected = [
        "v1," + base64.b64encode(hmac.new(one, signed, hashlib.sha256).digest()).decode()
        for one in (key, old)
    ]
    assert headers["webhook-signature"].split() == expected
    assert headers["webhook-id"] == "whk_1"
    assert headers["webhook-timestamp"] == str(int(now.timestamp()))
