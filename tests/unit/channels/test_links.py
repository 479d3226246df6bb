"""Signed addresses."""

from __future__ import annotations

import pytest

from channels.links import (
    LinkInvalid,
    callback_url,
    message_of_callback,
    message_of_unsubscribe,
    unsubscribe_url,
)


def token_of(url: str) -> str:
    return url.rpartition("/")[2]


def test_address_names_the_message_it_was_made_for(settings):
    settings.PUBLIC_URL = "https://journeys.example.com"

    url = callback_url("twilio", "msg_abc")

    assert url.startswith("https://journeys.example.com/hooks/twilio/msg_abc.")
    assert message_of_callback(token_of(url)) == "msg_abc"
    assert message_of_unsubscribe(token_of(unsubscribe_url("msg_abc"))) == "msg_abc"


@pytest.mark.parametrize("token", ["", "msg_abc", "msg_abc.", "msg_abc.AAAA", "\ud800", "." * 5000])
def test_token_of_somebody_else_is_refused(token: str):
    with pytest.raises(LinkInvalid):
        message_of_callback(token)


def test_token_for_one_purpose_does_not_serve_another():
    with pytest.raises(LinkInvalid):
        message_of_unsubscribe(token_of(callback_url("twilio", "msg_abc")))
