"""The settings that every step which writes to people has, and the words it has for each of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from .offsets import Offset
from .outcomes import DoubtPolicy, Purpose, Words
from .settings import NodeSettings, OffsetText

_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MOST_LANGUAGES = 40


def _role(value: str) -> str:
    if not _ROLE.fullmatch(value):
        raise PydanticCustomError("role", "A role is written in small letters, such as couple or planner.")
    return value


def _forward(value: str) -> str:
    if "$" not in value and Offset.parse(value).shortest.total_seconds() <= 0:
        raise PydanticCustomError("offset", "Give people time: write a length greater than zero, such as 2d.")
    return value


Role = Annotated[str, AfterValidator(_role)]


class _Part(BaseModel):
    """Refuse what is not known; never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ApprovalRule(_Part):
    """Say whether a person reads a message before it goes out."""

    mode: Literal["never", "always", "first"] = Field(default="never", title="Who reads it before")
    first: int = Field(
        default=3, ge=1, le=1000, description="With the mode first: so many of this step, over all couples."
    )
    expires: Annotated[OffsetText, AfterValidator(_forward)] = Field(default="2d", title="Time to decide")
    on_expiry: Literal["send", "skip", "escalate"] = Field(
        default="escalate", title="When nobody has decided by then"
    )


class Translation(_Part):
    """Be the words of a message in another language; what is left out stays in the first one."""

    subject: str = Field(default="", max_length=500)
    body: str = Field(default="", max_length=50_000)
    short: str = Field(default="", max_length=1530)


class SendSettings(NodeSettings):
    """To whom, in which languages, and who reads it before."""

    to: tuple[Role, ...] = Field(default=("couple",), min_length=1, max_length=10, title="To")
    purpose: Purpose = Field(default="transactional", title="Purpose")
    when_in_doubt: DoubtPolicy = Field(default="ticket", title="When nobody can say whether it went out")
    on_the_day: bool | None = Field(
        default=None,
        title="On the wedding day",
        description="True goes out on the day itself, false never does; empty leaves it to the vendor's rules.",
    )
    approval: ApprovalRule = Field(default=ApprovalRule(), title="Approval")
    translations: dict[str, Translation] = Field(
        default_factory=dict, title="In other languages", description='By language, such as "pt" or "pt-BR".'
    )

    @model_validator(mode="after")
    def _languages_have_names(self) -> SendSettings:
        if len(self.translations) > _MOST_LANGUAGES:
            raise PydanticCustomError("languages", "There are more than 40 languages. Remove some.")
        for name in self.translations:
            if not _LOCALE.fullmatch(name):
                raise PydanticCustomError(
                    "languages", 'Name each language by its code, such as "pt" or "pt-BR".'
                )
        return self

    def translated_texts(self) -> Iterable[tuple[str, str]]:
        """Return (field, Liquid source) for every translated text, for `NodeType.texts`."""
        for name, words in self.translations.items():
            for part in ("subject", "body", "short"):
                if source := getattr(words, part):
                    yield f"translations.{name}.{part}", source

    def translated_words(self) -> dict[str, Words]:
        """Return the translations as a delivery carries them."""
        return {
            name: Words(words.subject, words.body, words.short) for name, words in self.translations.items()
        }


def words_for(words: Words, translations: Mapping[str, Words], *, locale: str) -> Words:
    """Return the words for a person: in their locale, else in their language, else in the first language.

    Each of subject, body and short words falls back by itself, so that a translation may leave one out.
    """
    known = {name.lower().replace("_", "-"): translated for name, translated in translations.items()}
    asked = locale.lower().replace("_", "-")
    found: list[Words] = []
    while asked:
        if asked in known:
            found.append(known[asked])
        asked = asked.rpartition("-")[0]
    found.append(words)
    return Words(
        subject=next((one.subject for one in found if one.subject), ""),
        body=next((one.body for one in found if one.body), ""),
        short=next((one.short for one in found if one.short), ""),
    )
