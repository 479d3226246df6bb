"""Turn Markdown into the two parts of an email: HTML with its styles inline, and plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

#: No HTML of its own: what looks like a tag is shown as it is written. A new line is a new line, as in a letter.
_PARSER: Final = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("strikethrough")

_INK = "#18211E"
_QUIET = "#5F6A65"
_PINE = "#1D5145"
_LINE = "#E1E5DE"
_TEXT_FONT = "Inter, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_DISPLAY_FONT = "Newsreader, 'Iowan Old Style', Palatino, Georgia, serif"
_HEADING = f"margin:28px 0 8px;font-family:{_DISPLAY_FONT};font-weight:500;color:{_INK}"

#: Tag → (class for dark mode, style). Mail programs drop style sheets, so each tag carries its own.
STYLES: Final = {
    "p": ("ink", f"margin:0 0 16px;color:{_INK}"),
    "h1": ("ink", f"{_HEADING};font-size:26px;line-height:32px"),
    "h2": ("ink", f"{_HEADING};font-size:20px;line-height:28px"),
    "h3": ("ink", f"{_HEADING};font-size:17px;line-height:24px"),
    "ul": ("ink", f"margin:0 0 16px;padding:0 0 0 24px;color:{_INK}"),
    "ol": ("ink", f"margin:0 0 16px;padding:0 0 0 24px;color:{_INK}"),
    "li": ("ink", f"margin:0 0 6px;color:{_INK}"),
    "a": ("pine", f"color:{_PINE};text-decoration:underline"),
    "blockquote": (
        "quiet",
        f"margin:0 0 16px;padding:0 0 0 16px;border-left:2px solid {_LINE};color:{_QUIET}",
    ),
    "hr": ("line", f"margin:24px 0;border:0;border-top:1px solid {_LINE}"),
    "img": ("", "display:block;max-width:100%;height:auto;border-radius:6px"),
    "pre": ("ink", f"margin:0 0 16px;white-space:pre-wrap;color:{_INK};font-family:{_TEXT_FONT}"),
}
_TAGS = {*STYLES, "h4", "h5", "h6", "em", "strong", "s", "br", "code"}
_ATTRIBUTES = {tag: {"class", "style"} for tag in STYLES} | {
    "a": {"class", "style", "href", "title"},
    "img": {"class", "style", "src", "alt", "title"},
    "ol": {"class", "style", "start"},
}
_PAGE_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto", "tel"}


def to_html(source: str) -> str:
    """Render Markdown as HTML that is safe to mail: known tags, our styles, web links only."""
    tokens = _PARSER.parse(source)
    _style(tokens)
    html = str(_PARSER.renderer.render(tokens, _PARSER.options, {}))
    return nh3.clean(
        html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel="noopener"
    ).strip()


def to_page(source: str) -> str:
    """Render Markdown as HTML for a page of ours: known tags, no styles of its own, web links only."""
    html = str(_PARSER.render(source))
    return nh3.clean(
        html, tags=_TAGS, attributes=_PAGE_ATTRIBUTES, url_schemes=_SCHEMES, link_rel="noopener noreferrer"
    ).strip()


def _style(tokens: Sequence[Token]) -> None:
    for token in tokens:
        known = STYLES.get(token.tag)
        if known is not None and token.nesting >= 0:
            if known[0]:
                token.attrSet("class", known[0])
            token.attrSet("style", known[1])
        if token.children:
            _style(token.children)


def to_text(source: str) -> str:
    """Render Markdown as plain text: lists keep their marks, links their address."""
    lines: list[str] = []
    _Writer(lines).write(_PARSER.parse(source))
    return "\n".join(lines).strip()


class _Writer:
    """Write blocks as paragraphs with an empty line between them."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        #: What stands before the first line of the next block, and before its further lines.
        self.first: list[str] = []
        self.rest: list[str] = []
        #: How many of these levels have written something already.
        self.begun = 0
        self.numbers: list[int | None] = []
        self.tight = False
        self.list_begins = False

    def write(self, tokens: Sequence[Token]) -> None:
        """Write the blocks, one token after the other."""
        for token in tokens:
            if token.type == "inline":
                self._block(_inline(token.children or []), tight=self.tight)
            elif token.type in {"fence", "code_block"}:
                self._block(token.content.rstrip("\n"))
            elif token.type == "hr":
                self._block("---")
            elif token.nesting > 0:
                self._open(token)
            else:
                self._close(token)

    def _open(self, token: Token) -> None:
        """Begin a list, an item, a quotation; anything else only says how near it stands to what is above."""
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self.list_begins = not self.numbers
                ordered = token.type == "ordered_list_open"
                self.numbers.append(int(token.attrGet("start") or 1) if ordered else None)
            case "list_item_open":
                self._open_item()
            case "blockquote_open":
                self._indent("> ", "> ")
            case _:
                self.tight = token.hidden and not self.list_begins

    def _close(self, token: Token) -> None:
        match token.type:
            case "bullet_list_close" | "ordered_list_close":
                self.numbers.pop()
                self.tight = False
            case "list_item_close" | "blockquote_close":
                self.first.pop()
                self.rest.pop()
                self.begun = min(self.begun, len(self.rest))
            case _:
                return

    def _open_item(self) -> None:
        number = self.numbers[-1]
        mark = "- " if number is None else f"{number}. "
        if number is not None:
            self.numbers[-1] = number + 1
        self._indent(mark, " " * len(mark))

    def _indent(self, first: str, rest: str) -> None:
        self.first.append(first)
        self.rest.append(rest)

    def _block(self, text: str, *, tight: bool = False) -> None:
        self.list_begins = False
        if self.lines and not (tight and self.lines[-1]):
            self.lines.append("".join(self.rest[: self.begun]).rstrip())
        for line in text.split("\n"):
            self.lines.append(("".join(self.first) + line).rstrip())
            self.first = list(self.rest)
        self.begun = len(self.rest)


def _inline(tokens: Sequence[Token]) -> str:
    parts: list[str] = []
    links: list[tuple[str, int]] = []
    for token in tokens:
        match token.type:
            case "softbreak" | "hardbreak":
                parts.append("\n")
            case "link_open":
                links.append((str(token.attrGet("href") or ""), len(parts)))
            case "link_close":
                address, start = links.pop()
                shown = "".join(parts[start:])
                if address.removeprefix("mailto:").removeprefix("tel:") != shown:
                    parts.append(f" ({address.removeprefix('mailto:')})")
            case "image":
                parts.append(f"[{token.content}]" if token.content else "")
            case _:
                parts.append(token.content)
    return "".join(parts)
