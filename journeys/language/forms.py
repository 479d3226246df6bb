"""What a form asks, and what counts as an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

FieldKind = Literal["text", "long_text", "choice", "choices", "number", "date", "yes_no", "email", "phone"]
#: Longest answers, in characters.
LONGEST_TEXT, LONGEST_LONG_TEXT = 500, 10_000
MOST_FIELDS = 60
MOST_OPTIONS = 100

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}([.,][0-9]{1,6})?")
_YES_NO = {"yes": True, "no": False, "true": True, "false": False}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class FormField(BaseModel):
    """One question."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: What journeys read the answer by.
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    label: str = Field(min_length=1, max_length=200)
    kind: FieldKind = "text"
    required: bool = False
    options: tuple[str, ...] = Field(default=(), max_length=MOST_OPTIONS)
    help: str = Field(default="", max_length=500)

    @field_validator("options")
    @classmethod
    def _options_differ(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        plain = [option.strip() for option in value]
        if any(not option or len(option) > 200 for option in plain):  # noqa: PLR2004 a line
            raise PydanticCustomError("options", "Write each option as a text of 1 to 200 characters.")
        if len({option.casefold() for option in plain}) < len(plain):
            raise PydanticCustomError("options", "Two options are the same. Keep one.")
        return tuple(plain)

    @model_validator(mode="after")
    def _options_belong_to_choices(self) -> Self:
        asks = self.kind in ("choice", "choices")
        if asks and not self.options:
            raise PydanticCustomError("options", "A choice needs options: write at least one.")
        if not asks and self.options:
            raise PydanticCustomError("options", "Only choice and choices have options: leave them out.")
        return self


class FormFields(BaseModel):
    """All questions of a form, in order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: tuple[FormField, ...] = Field(min_length=1, max_length=MOST_FIELDS)

    @field_validator("fields")
    @classmethod
    def _names_differ(cls, value: tuple[FormField, ...]) -> tuple[FormField, ...]:
        names = [field.name for field in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            reason = f"Two questions have the name {twice[0]!r}. Give one of them another."
            raise PydanticCustomError("fields", "{reason}", {"reason": reason})
        return value


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood of somebody's answers."""

    #: By field name; a question that was left open is missing.
    answers: Mapping[str, Any]
    #: By field name: what is wrong and how to mend it, as a sentence.
    problems: Mapping[str, str]


#: Gives an address or number in its one form; raises ValueError with a sentence.
Normal = Callable[[str], str]


def read_answers(
    fields: Sequence[FormField],
    raw: Mapping[str, Sequence[str]],
    *,
    email: Normal,
    phone: Normal,
) -> Reading:
    """Check what was written into a form, field by field; what is wrong in one does not lose the others.

    Args:
        raw: By field name, every value that was sent.
        email: Brings an e-mail address into its one form.
        phone: Brings a phone number into its one form.
    """
    answers: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field in fields:
        given = [text.strip() for text in raw.get(field.name, ()) if text.strip()]
        if not given:
            if field.required:
                problems[field.name] = _MISSING.get(field.kind, "Write an answer.")
            continue
        try:
            answers[field.name] = _value(field, given, email=email, phone=phone)
        except ValueError as error:
            problems[field.name] = str(error)
    return Reading(answers, problems)


_MISSING = {
    "choice": "Choose one.",
    "choices": "Choose at least one.",
    "yes_no": "Choose yes or no.",
    "date": "Give a date.",
    "number": "Write a number.",
}


def _value(field: FormField, given: Sequence[str], *, email: Normal, phone: Normal) -> Any:
    """Give one answer in its own kind; raise ValueError with a sentence."""
    if any(_UNSTORABLE.search(text) for text in given):
        raise ValueError("It holds a character that cannot be kept. Write it again.")
    if field.kind == "choices":
        chosen = {_option(field, one) for one in given}
        return [option for option in field.options if option in chosen]
    text = given[0]
    read: Mapping[str, Callable[[], Any]] = {
        "text": lambda: _bounded(text, LONGEST_TEXT),
        "long_text": lambda: _bounded(text, LONGEST_LONG_TEXT),
        "choice": lambda: _option(field, text),
        "number": lambda: _number(text),
        "date": lambda: _date(text),
        "yes_no": lambda: _yes_no(text),
        "email": lambda: email(_bounded(text, LONGEST_TEXT)),
        "phone": lambda: phone(_bounded(text, LONGEST_TEXT)),
    }
    return read[field.kind]()


def _yes_no(text: str) -> bool:
    if text.lower() not in _YES_NO:
        raise ValueError("Choose yes or no.")
    return _YES_NO[text.lower()]


def _bounded(text: str, longest: int) -> str:
    plain = text.replace("\r\n", "\n")
    if len(plain) > longest:
        raise ValueError(f"This has {len(plain):,} characters; {longest:,} is the most. Shorten it.")
    return plain


def _option(field: FormField, text: str) -> str:
    if text not in field.options:
        raise ValueError("Choose one of the answers offered.")
    return text


def _number(text: str) -> int | float:
    plain = text.replace(" ", "")
    if not _NUMBER.fullmatch(plain) or not plain.isascii():
        raise ValueError("Write a number in digits, such as 120.")
    value = float(plain.replace(",", "."))
    return int(value) if value.is_integer() else value


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat() if len(text) == 10 else _no_date()  # noqa: PLR2004 YYYY-MM-DD
    except ValueError:
        return _no_date()


def _no_date() -> str:
    raise ValueError("Write the date as year, month and day, such as 2027-05-01.")
