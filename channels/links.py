"""Addresses that we give to providers and to people, signed so that nobody can make one up."""

from __future__ import annotations

from django.conf import settings
from django.core.signing import BadSignature, Signer

#: Stands in a rendered text for the way out, until the message has an id of its own.
UNSUBSCRIBE_MARK = "https://unsubscribe.invalid/"

_CALLBACK_SALT = "channels.callback"
_UNSUBSCRIBE_SALT = "channels.unsubscribe"


class LinkInvalid(Exception):
    """The link is not one of ours, or was cut short: open it again from the message."""

    def __str__(self) -> str:
        return self.__doc__ or ""


def callback_url(provider: str, message_id: str) -> str:
    """Give the address where a provider reports about one message."""
    return f"{settings.PUBLIC_URL}/hooks/{provider}/{_sign(message_id, _CALLBACK_SALT)}"


def message_of_callback(token: str) -> str:
    """Give the public id of the message that a call-back token names.

    Raises:
        LinkInvalid: we did not make this token.
    """
    return _read(token, _CALLBACK_SALT)


def unsubscribe_url(message_id: str) -> str:
    """Give the address under which the receiver of a message can ask for no more."""
    return f"{settings.PUBLIC_URL}/u/{_sign(message_id, _UNSUBSCRIBE_SALT)}"


def message_of_unsubscribe(token: str) -> str:
    """Give the public id of the message that an unsubscribe token names.

    Raises:
        LinkInvalid: we did not make this token.
    """
    return _read(token, _UNSUBSCRIBE_SALT)


def with_unsubscribe_link(text: str, link: str) -> str:
    """Put the real way out where rendering left its mark."""
    return text.replace(UNSUBSCRIBE_MARK, link)


def _sign(value: str, salt: str) -> str:
    return Signer(salt=salt, sep=".").sign(value)


def _read(token: str, salt: str) -> str:
    try:
        return Signer(salt=salt, sep=".").unsign(token)
    except BadSignature:
        raise LinkInvalid from None
