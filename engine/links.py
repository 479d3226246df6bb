"""Addresses of the pages that couples open from a message: signed, for one place of a passage and one person.

An address holds no personal data: the passage's public id (128 random bits), the step, and the role. It is signed
for one kind of page, so that a form's address opens no meeting, and made anew the same whenever it is asked for.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from django.conf import settings
from django.core.signing import BadSignature, Signer

from engine.places import Place

#: Where each kind of page lives.
FOLDERS = {"form": "f", "info": "i", "meeting": "m", "review": "r"}
#: Longer than any address of ours: the place's key and a signature.
LONGEST_TOKEN = 1500


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """What an address stands for."""

    place: Place
    #: Whose copy of the message carried it.
    role: str


def link_for(*, kind: str, place: Place | str, role: str) -> str:
    """Give the absolute address of a page; the same question has the same answer.

    Raises:
        ValueError: there are no pages of this kind, or the place is none.
    """
    if kind not in FOLDERS:
        message = f"There are no pages of the kind {kind!r}. Known: {', '.join(sorted(FOLDERS))}."
        raise ValueError(message)
    return f"{settings.PUBLIC_URL}/{FOLDERS[kind]}/{token_for(kind=kind, place=place, role=role)}"


def token_for(*, kind: str, place: Place | str, role: str) -> str:
    """Give the last part of a page's address.

    Raises:
        ValueError: the place is none.
    """
    plain = f"{place}:{role}"
    if Place.of_key(plain) is None:
        message = f"{str(place)!r} is not the name of a place."
        raise ValueError(message)
    sealed = base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")
    return _signer(kind).sign(sealed)


def read_link(kind: str, token: str) -> LinkTarget | None:
    """Give what an address stands for; None when we did not make it, or made it for another kind of page."""
    if len(token) > LONGEST_TOKEN:
        return None
    try:
        sealed = _signer(kind).unsign(token)
        plain = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)).decode()
    except (BadSignature, binascii.Error, ValueError):
        return None
    place = Place.of_key(plain)
    return None if place is None else LinkTarget(place, plain.rpartition(":")[2])


def _signer(kind: str) -> Signer:
    """Bind a signature to its purpose: one kind of page."""
    return Signer(salt=f"engine.links.{kind}", sep=".")
