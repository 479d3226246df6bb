"""Put a message together for one recipient: Liquid first, Markdown after, then the layout.

Values of couples are data, never markup: whatever Liquid prints is escaped before Markdown sees it, so that nobody
called "**Ana**" or "<b>" changes a letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.template.loader import render_to_string

from channels.links import UNSUBSCRIBE_MARK
from channels.markdown import to_html, to_text
from channels.segments import segments_of
from channels.wording import frame_words
from journeys.language.errors import TextError
from journeys.language.texts import compile_text
from journeys.language.texts import render as render_liquid

#: Longest text (SMS) that providers take, in characters.
MAX_SMS_LENGTH: Final = 1600
#: Longest subject line (RFC 5322 allows 998 in all; mail programs show far fewer).
MAX_SUBJECT_LENGTH: Final = 255

# Private-use characters around everything that Liquid prints; they are taken out of sources and values first.
_OPEN, _CLOSE = "\ue000", "\ue001"
_MARKS = re.compile(f"[{_OPEN}{_CLOSE}]")
_OUTPUT = re.compile(r"(\{\{.*?\}\})", re.DOTALL)
_ACTIVE = re.compile(r"([!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~])")
#: A web address that the author wrote without brackets around it.
_BARE_ADDRESS = re.compile(r"(?<![\w(<\"'=/])(https?://[^\s<>()\[\]\\\"'*]*[^\s<>()\[\]\\\"'*.,;:!?_])")
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"\\]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as its recipient will have it."""

    #: "" for a text (SMS).
    subject: str
    text: str
    #: "" for a text (SMS).
    html: str
    #: Parts that a text (SMS) is cut into; 0 for email.
    segments: int = 0


@dataclass(frozen=True, slots=True)
class Wording:
    """What a message says to one recipient, before it gets its frame; a person may still edit it."""

    #: "" for a text (SMS).
    subject: str
    #: Markdown for email, plain text for SMS.
    body: str


def render_message(
    *, channel: str, subject: str, body: str, facts: Mapping[str, Any], purpose: str = "transactional"
) -> Rendered:
    """Render a message from its Liquid sources and the facts of one recipient. Pure but for the layout file.

    Raises:
        TextError: something that is printed is undefined or empty without a default, nothing is left to send, or it
            is longer than providers take.
    """
    wording = word_message(channel=channel, subject=subject, body=body, facts=facts)
    return frame_message(channel=channel, wording=wording, facts=facts, purpose=purpose)


def word_message(*, channel: str, subject: str, body: str, facts: Mapping[str, Any]) -> Wording:
    """Put the facts of one recipient into the Liquid sources; for email what is printed is escaped.

    Raises:
        TextError: something that is printed is undefined or empty without a default.
    """
    if channel == "sms":
        return Wording("", render_liquid(body, facts))
    return Wording(render_liquid(subject, facts), render_markdown(body, facts))


def frame_message(
    *, channel: str, wording: Wording, facts: Mapping[str, Any], purpose: str = "transactional"
) -> Rendered:
    """Put the vendor's frame around the words, in the recipient's language.

    Raises:
        TextError: nothing is left to send, or it is longer than providers take.
    """
    if channel == "sms":
        return _sms(wording.body)
    return _email(wording, facts, marketing=purpose == "marketing")


def _sms(text: str) -> Rendered:
    text = text.strip()
    if not text:
        raise TextError("The text is empty for this recipient. Write something that is always there.")
    if len(text) > MAX_SMS_LENGTH:
        raise TextError(
            f"The text has {len(text):,} characters; providers take {MAX_SMS_LENGTH:,}. Shorten it."
        )
    return Rendered(subject="", text=text, html="", segments=segments_of(text).count)


def _email(wording: Wording, facts: Mapping[str, Any], *, marketing: bool) -> Rendered:
    line = " ".join(wording.subject.split())
    if not line:
        raise TextError("The subject is empty for this recipient. Write something that is always there.")
    markdown = wording.body
    if not markdown.strip():
        raise TextError("The letter is empty for this recipient. Write something that is always there.")
    vendor = facts.get("vendor", {})
    locale = facts.get("recipient", {}).get("locale") or "en"
    frame = frame_words(locale)
    context = {
        "subject": line[:MAX_SUBJECT_LENGTH],
        "body": to_html(markdown),
        "vendor": vendor,
        "website": _web_address(str(vendor.get("website") or "")),
        "locale": locale,
        "unsubscribe": frame.unsubscribe,
        "unsubscribe_url": UNSUBSCRIBE_MARK if marketing else "",
    }
    return Rendered(
        subject=context["subject"],
        text=_text_part(to_text(markdown), vendor, no_more=frame.no_more if marketing else ""),
        html=render_to_string("channels/email.html", context),
    )


def render_markdown(source: str, facts: Mapping[str, Any]) -> str:
    """Render Liquid into Markdown in which every printed value is escaped."""
    clean = _MARKS.sub("", source)
    compile_text(clean)  # What can not be read is said of the author's own source, not of the marked one.
    text = _escape_marked(render_liquid(_marked(clean), _clean(facts)))
    return _BARE_ADDRESS.sub(r"<\1>", text)


def _marked(source: str) -> str:
    """Put the marks around each output; a dash that trims white space is carried out here, outside the marks."""
    pieces = _OUTPUT.split(source)
    for at in range(1, len(pieces), 2):
        inside = pieces[at][2:-2]
        if inside.startswith("-"):
            pieces[at - 1] = pieces[at - 1].rstrip()
        if inside.endswith("-"):
            pieces[at + 1] = pieces[at + 1].lstrip()
        inside = inside.removeprefix("-").removesuffix("-")
        pieces[at] = f"{_OPEN}{{{{{inside}}}}}{_CLOSE}"
    return "".join(pieces)


def _clean(value: Any) -> Any:
    """Take the marks out of every text of the facts."""
    if isinstance(value, str):
        return _MARKS.sub("", value)
    if isinstance(value, Mapping):
        return {name: _clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value


def _escape_marked(text: str) -> str:
    """Escape what stands between marks; marks inside marks (captured outputs) count as one."""
    parts: list[str] = []
    value: list[str] = []
    depth = 0
    for piece in re.split(f"([{_OPEN}{_CLOSE}])", text):
        if piece == _OPEN:
            depth += 1
        elif piece == _CLOSE:
            depth -= 1
            if depth == 0:
                parts.append(escape("".join(value)))
                value = []
        else:
            (value if depth else parts).append(piece)
    return "".join(parts)


def escape(value: str) -> str:
    """Write a value so that Markdown shows it as it is; a web address becomes a link."""
    stripped = value.strip()
    if _WEB_ADDRESS.fullmatch(stripped):
        return f"<{stripped}>"
    if "\n" not in value and "\r" not in value:
        return _ACTIVE.sub(r"\\\1", value)
    blocks = re.split(r"\n\s*\n", "\n".join(stripped.splitlines()))
    return "\n\n".join(
        "\\\n".join(_ACTIVE.sub(r"\\\1", row.strip()) for row in block.splitlines() if row.strip())
        for block in blocks
    )


def _web_address(website: str) -> str:
    if not website or _WEB_ADDRESS.fullmatch(website):
        return website
    return f"https://{website}" if _WEB_ADDRESS.fullmatch(f"https://{website}") else ""


def _text_part(text: str, vendor: Mapping[str, Any], *, no_more: str) -> str:
    """Put the same footer under the plain text as under the HTML."""
    lines = [text, "", "-- ", str(vendor.get("name") or "")]
    lines += [str(vendor[name]) for name in ("phone", "website") if vendor.get(name)]
    if no_more:
        lines += ["", f"{no_more} {UNSUBSCRIBE_MARK}"]
    return "\n".join(lines).rstrip() + "\n"
