"""Letters as they will be read, for the inbox of approvals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import nh3
from django.utils.html import linebreaks
from django.utils.safestring import SafeString, mark_safe

from channels.markdown import to_html
from engine.models import Approval

#: What a letter may hold; styles are the page's own.
_TAGS: Final = {
    *("p", "h1", "h2", "h3", "ul", "ol", "li", "a", "blockquote", "hr", "pre", "code"),
    *("strong", "em", "s", "del", "br"),
}
#: What happens when nobody decides.
EXPIRY: Final[Mapping[str, str]] = {
    "send": "If nobody decides by then, it is sent as it is.",
    "skip": "If nobody decides by then, it is not sent.",
    "escalate": "If nobody decides by then, it is not sent and you are reminded.",
}


@dataclass(frozen=True, slots=True)
class LetterCopy:
    """One person's copy."""

    role: str
    name: str
    address: str
    channel: str
    subject: str
    #: As it is written.
    body: str
    #: As it will be read.
    letter: SafeString
    #: As the journey worded it; "" when nobody has changed it.
    before: str


def copies(approval: Approval) -> list[LetterCopy]:
    """Give the copies of a message as they will be read."""
    original = {copy["role"]: copy for copy in approval.original or []}
    return [
        LetterCopy(
            role=copy["role"],
            name=copy["name"],
            address=copy["address"],
            channel=copy["channel"],
            subject=copy["subject"],
            body=copy["body"],
            letter=_letter(copy),
            before=_before(original.get(copy["role"]), copy),
        )
        for copy in approval.contents
    ]


def _letter(copy: Mapping[str, Any]) -> SafeString:
    if copy["channel"] != "email":
        return mark_safe(linebreaks(copy["body"], autoescape=True))  # noqa: S308 escaped by linebreaks
    clean = nh3.clean(to_html(copy["body"]), tags=_TAGS, attributes={"a": {"href"}}, link_rel="noopener")
    return mark_safe(clean)  # noqa: S308 cleaned in the line above


def _before(original: Mapping[str, Any] | None, copy: Mapping[str, Any]) -> str:
    if original is None or (original["subject"], original["body"]) == (copy["subject"], copy["body"]):
        return ""
    return "\n\n".join(part for part in (original["subject"], original["body"]) if part)
