"""Encrypt personal data at rest and look it up again without decrypting it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

#: Length of an AES-GCM nonce in bytes (NIST SP 800-38D recommends 96 bits).
NONCE_BYTES = 12


class DecryptionFailed(Exception):
    """A stored value can not be read: its key is missing from DATA_KEYS, or the value was altered."""


@lru_cache(maxsize=8)
def _ciphers(entries: tuple[str, ...]) -> dict[str, AESGCM]:
    """Make the cipher of every `id:base64` entry; the order of DATA_KEYS stays."""
    named = (entry.partition(":") for entry in entries)
    return {key_id: AESGCM(base64.b64decode(key, validate=True)) for key_id, _, key in named}


@lru_cache(maxsize=8)
def _index_key(encoded: str) -> bytes:
    return base64.b64decode(encoded, validate=True)


def active_key_id() -> str:
    """Name the key that new values are written with (the first of DATA_KEYS)."""
    return next(iter(_ciphers(tuple(settings.DATA_KEYS))))


def encrypt(plain: str, *, context: str) -> str:
    """Encrypt with AES-256-GCM as `key id:base64(nonce + ciphertext + tag)`.

    `context` (table and column) is bound to the value, so that a ciphertext copied into another
    column does not decrypt. Two calls give two different ciphertexts.
    """
    key_id, cipher = next(iter(_ciphers(tuple(settings.DATA_KEYS)).items()))
    nonce = os.urandom(NONCE_BYTES)
    sealed = cipher.encrypt(nonce, plain.encode(), context.encode())
    return f"{key_id}:{base64.b64encode(nonce + sealed).decode()}"


def decrypt(stored: str, *, context: str) -> str:
    """Decrypt what `encrypt` wrote, with whichever key of DATA_KEYS it names.

    Raises:
        DecryptionFailed: the key is unknown, or the value is not what was stored here.
    """
    key_id, _, payload = stored.partition(":")
    cipher = _ciphers(tuple(settings.DATA_KEYS)).get(key_id)
    if cipher is None:
        message = f"No key {key_id!r} in DATA_KEYS: add the key that this value was written with."
        raise DecryptionFailed(message)
    try:
        raw = base64.b64decode(payload, validate=True)
        return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode()).decode()
    except (InvalidTag, ValueError) as error:
        message = f"A value of {context} could not be decrypted with key {key_id!r}."
        raise DecryptionFailed(message) from error


def blind_index(value: str) -> str:
    """Give the keyed hash that finds an encrypted value again; "" stays "".

    The caller normalizes first (lower-case e-mail, E.164 phone). HMAC-SHA256 with INDEX_KEY, hex.
    """
    if not value:
        return ""
    return hmac.new(_index_key(settings.INDEX_KEY), value.encode(), hashlib.sha256).hexdigest()
