from __future__ import annotations

import base64

import pytest

from journeys.encryption import DecryptionFailed, active_key_id, blind_index, decrypt, encrypt

OLD = "old:" + base64.b64encode(b"o" * 32).decode()
NEW = "new:" + base64.b64encode(b"n" * 32).decode()
HERE = "journeys.client.email"


def altered(stored: str) -> str:
    key_id, _, payload = stored.partition(":")
    raw = bytearray(base64.b64decode(payload))
    raw[-1] ^= 1
    return f"{key_id}:{base64.b64encode(bytes(raw)).decode()}"


@pytest.mark.parametrize("plain", ["a", "Inês & Tomás", "x" * 100_000, "日本", "with:colons:inside"])
def test_what_is_encrypted_is_read_again(plain):
    assert decrypt(encrypt(plain, context=HERE), context=HERE) == plain


def test_the_same_value_is_never_written_twice_alike():
    assert encrypt("ana@example.com", context=HERE) != encrypt("ana@example.com", context=HERE)


def test_the_ciphertext_shows_nothing_but_the_key_it_was_written_with():
    stored = encrypt("ana@example.com", context=HERE)

    assert stored.startswith(f"{active_key_id()}:")
    assert "ana" not in stored


def test_an_altered_value_is_refused():
    with pytest.raises(DecryptionFailed):
        decrypt(altered(encrypt("ana@example.com", context=HERE)), context=HERE)


def test_a_value_moved_to_another_column_is_refused():
    stored = encrypt("ana@example.com", context=HERE)

    with pytest.raises(DecryptionFailed):
        decrypt(stored, context="journeys.client.phone")


@pytest.mark.parametrize("payload", ["", "not base64", "AAAA"])
def test_a_value_that_was_never_encrypted_is_refused(payload):
    with pytest.raises(DecryptionFailed):
        decrypt(f"{active_key_id()}:{payload}", context=HERE)


def test_a_new_key_writes_and_the_old_one_still_reads(settings):
    settings.DATA_KEYS = [OLD]
    stored = encrypt("ana@example.com", context=HERE)

    settings.DATA_KEYS = [NEW, OLD]

    assert decrypt(stored, context=HERE) == "ana@example.com"
    assert encrypt("ana@example.com", context=HERE).startswith("new:")


def test_a_key_that_is_gone_is_named(settings):
    settings.DATA_KEYS = [OLD]
    stored = encrypt("ana@example.com", context=HERE)
    settings.DATA_KEYS = [NEW]

    with pytest.raises(DecryptionFailed, match="'old'"):
        decrypt(stored, context=HERE)


def test_another_key_of_the_same_name_reads_nothing(settings):
    settings.DATA_KEYS = [OLD]
    stored = encrypt("ana@example.com", context=HERE)
    settings.DATA_KEYS = [NEW.replace("new:", "old:")]

    with pytest.raises(DecryptionFailed):
        decrypt(stored, context=HERE)


def test_a_blind_index_is_stable_and_keyed(settings):
    before = blind_index("ana@example.com")
    again = blind_index("ana@example.com")
    settings.INDEX_KEY = base64.b64encode(b"another key, also of 32 bytes!!!").decode()

    assert again == before
    assert len(before) == 64
    assert blind_index("ana@example.com") != before


def test_the_blind_index_of_nothing_is_nothing():
    assert blind_index("") == ""
