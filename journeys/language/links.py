"""The words of a step that leads to a page of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic_core import PydanticCustomError

from .sending import SendSettings

_LINK = re.compile(r"\{\{-?\s*link\b")


def check_words(
    settings: SendSettings, *, channel: str, subject: str, bodies: Iterable[tuple[str, str]]
) -> None:
    """Check for a settings model that a letter has a subject, and that every text holds the link.

    Args:
        settings: For its translations; those that leave the body out fall back to the first language.
        channel: "email" or "sms"; only a letter has a subject.
        subject: In the first language.
        bodies: (field, text) in the first language; "" is not looked at.

    Raises:
        PydanticCustomError: what is missing and what to do.
    """
    if channel == "email" and not subject.strip():
        raise PydanticCustomError("subject", "A letter needs a subject: write one.")
    translated = ((f"translations.{name}", one.body) for name, one in settings.translations.items())
    for name, body in (*bodies, *translated):
        if body and not _LINK.search(body):
            reason = (
                f"The text ({name}) does not lead to the page: put {{{{ link }}}} where the address goes."
            )
            raise PydanticCustomError("link", "{reason}", {"reason": reason})
