"""Model fields for personal data and public identifiers."""

from __future__ import annotations

import json
import secrets
from typing import Any, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from journeys.encryption import decrypt, encrypt

SetT = TypeVar("SetT")
GetT = TypeVar("GetT")

#: Letters and digits that can not be mistaken for one another (base 57).
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
#: 22 characters of base 57 carry 128 random bits.
PUBLIC_ID_LENGTH = 22
#: A letter for each byte; the bytes behind the last whole round would make some letters likelier, and are left out.
_EVEN = 256 - 256 % len(ALPHABET)
_LETTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_UNEVEN = bytes(range(_EVEN, 256))


def new_public_id(prefix: str) -> str:
    """Make an identifier that can not be guessed, such as `jrn_7Qh…` (128 random bits)."""
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(PUBLIC_ID_LENGTH))


def new_public_ids(prefix: str, number: int) -> list[str]:
    """Make so many identifiers at once, each like those of `new_public_id` and as hard to guess."""
    letters = ""
    while len(letters) < number * PUBLIC_ID_LENGTH:
        letters += (
            secrets.token_bytes(2 * number * PUBLIC_ID_LENGTH).translate(_LETTERS, _UNEVEN).decode("ascii")
        )
    return [
        f"{prefix}_{letters[start : start + PUBLIC_ID_LENGTH]}"
        for start in range(0, number * PUBLIC_ID_LENGTH, PUBLIC_ID_LENGTH)
    ]


class PublicIdField(models.CharField[str, str]):
    """Hold the identifier that the outside sees; made on first save, unique, never changed."""

    def __init__(self, *, prefix: str = "", **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs.setdefault("max_length", 32)
        kwargs.setdefault("unique", True)
        kwargs.setdefault("editable", False)
        kwargs.setdefault("blank", True)
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        """Tell migrations the prefix."""
        name, path, args, kwargs = super().deconstruct()
        kwargs["prefix"] = self.prefix
        return name, path, args, kwargs

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: ARG002, FBT001 Django's signature
        """Make the identifier when there is none yet."""
        value = getattr(model_instance, self.attname)
        if not value:
            value = new_public_id(self.prefix)
            setattr(model_instance, self.attname, value)
        return value


class EncryptedField(models.TextField[SetT, GetT]):
    """Be the base of what is encrypted in the database; "" is stored as it is.

    Only exact emptiness can be asked of the database; look up through a blind index beside it.
    """

    @property
    def context(self) -> str:
        """Name the table and column that a ciphertext is bound to."""
        return f"{self.model._meta.label_lower}.{self.column}"  # noqa: SLF001 the documented door to a model's name

    def from_db_value(self, value: str | None, _expression: Any, _connection: Any) -> str | None:
        """Decrypt what the database holds."""
        return decrypt(value, context=self.context) if value else value

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt what the database will hold."""
        value = super().get_prep_value(value)
        return encrypt(value, context=self.context) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        """Refuse to compare ciphertext with anything."""
        if lookup_name != "isnull":
            message = f"{self.name} is encrypted: look it up through its blind index."
            raise TypeError(message)
        return super().get_lookup(lookup_name)


class EncryptedTextField(EncryptedField[str, str]):
    """Hold text that is encrypted in the database."""


class EncryptedJSONField(EncryptedField[Any, Any]):
    """Hold a JSON value that is encrypted in the database."""

    # What the type checker's plug-in takes for the values of a text column is not true of JSON.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        """Decrypt and read the JSON."""
        plain = super().from_db_value(value, expression, connection)
        return json.loads(plain) if plain else None

    def get_prep_value(self, value: Any) -> Any:
        """Write the JSON and encrypt it."""
        if value is None:
            return None
        return encrypt(json.dumps(value, cls=DjangoJSONEncoder), context=self.context)

    def to_python(self, value: Any) -> Any:
        """Keep the value as it is: it is not text."""
        return value

    def value_to_string(self, obj: models.Model) -> str:
        """Write the JSON for a fixture."""
        return json.dumps(self.value_from_object(obj), cls=DjangoJSONEncoder)
