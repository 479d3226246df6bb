"""A small reader of expression sources: which facts they look at, and how deep they nest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from .facts import Path

MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
_KEYWORDS = frozenset({"true", "false", "null", "in"})
_OPENING, _CLOSING = "([{", ")]}"
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<string>[rRbB]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
      | (?P<number>0[xX][0-9a-fA-F]+[uU]?|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[uU]?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Read:
    """Say that the source looks at a fact."""

    path: Path
    #: Characters from the start of the source.
    position: int
    #: Inside has(…): the source asks whether it is there.
    asked: bool


@dataclass(frozen=True, slots=True)
class Given:
    """Be what stands in a call for one argument, as far as it can be told without running it."""

    kind: Literal["text", "number", "boolean", "null", "path", "other"]
    #: Characters from the start of the source.
    position: int
    #: Of a text written out plainly; None for everything else.
    text: str | None = None
    #: Of a fact that stands alone; () for everything else.
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Call:
    """Say that the source calls a function."""

    name: str
    #: Characters from the start of the source.
    position: int
    #: In order; what a method is called on comes first.
    given: tuple[Given, ...]
    #: Inside all, exists, filter or map: called many times.
    repeated: bool


@dataclass(slots=True)
class Outline:
    """Hold what can be said of a source without running it."""

    reads: list[Read] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    #: Deepest nesting of brackets, and of macros inside macros.
    brackets: int = 0
    macro_depth: int = 0
    macros: int = 0
    #: Macros that build a list: map and filter copy it with every entry.
    builders: int = 0
    pluses: int = 0
    commas: int = 0
    #: Calls of matches(…), and whether one stands inside a macro.
    patterns: int = 0
    repeated_pattern: bool = False


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class _Scope:
    """Remember what an open bracket means."""

    bound: str | None = None
    macro: bool = False
    asked: bool = False


def outline(source: str) -> Outline:
    """Read a source once, from left to right; sources that do not compile give some answer too."""
    tokens = [
        _Token(str(found.lastgroup), found[0], found.start())
        for found in _TOKEN.finditer(source)
        if found.lastgroup != "space"
    ]
    found = _Reader(tokens).read()
    found.calls = _calls(tokens)
    return found


class _Reader:
    """Walk over the tokens, keeping the open brackets."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.scopes: list[_Scope] = []
        self.found = Outline()

    def text(self, index: int) -> str:
        """Return the token's text; beyond the ends there is nothing."""
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def kind(self, index: int) -> str:
        """Return the token's kind; beyond the ends there is nothing."""
        return self.tokens[index].kind if 0 <= index < len(self.tokens) else ""

    def read(self) -> Outline:
        """Go through all tokens."""
        index = 0
        while index < len(self.tokens):
            token = self.tokens[index]
            if token.kind == "name" and self.text(index - 1) != "." and token.text not in _KEYWORDS:
                index = self._path(index)
                continue
            if token.kind == "sign":
                self._sign(index, token.text)
            index += 1
        return self.found

    def _sign(self, index: int, sign: str) -> None:
        self.found.pluses += sign == "+"
        self.found.commas += sign == ","
        if sign in _OPENING:
            self.scopes.append(self._scope(index))
            depth = sum(scope.macro for scope in self.scopes)
            self.found.brackets = max(self.found.brackets, len(self.scopes))
            self.found.macro_depth = max(self.found.macro_depth, depth)
        elif sign in _CLOSING and self.scopes:
            self.scopes.pop()

    def _scope(self, index: int) -> _Scope:
        """Say what the bracket at the index opens."""
        if self.text(index) != "(" or self.kind(index - 1) != "name":
            return _Scope()
        name, is_method = self.text(index - 1), self.text(index - 2) == "."
        if name == "has" and not is_method:
            return _Scope(asked=True)
        if name == "matches":
            self.found.patterns += 1
            self.found.repeated_pattern |= any(scope.macro for scope in self.scopes)
        if is_method and name in MACROS and self.kind(index + 1) == "name" and self.text(index + 2) == ",":
            self.found.macros += 1
            self.found.builders += name in {"map", "filter"}
            return _Scope(bound=self.text(index + 1), macro=True)
        return _Scope()

    def _path(self, index: int) -> int:
        """Read the dotted path that starts at the index; return the index behind it."""
        start = self.tokens[index]
        index += 1
        if self.text(index) == "(":
            return index
        parts: list[str | int] = [start.text]
        while True:
            if self.text(index) == "." and self.kind(index + 1) == "name" and self.text(index + 2) != "(":
                parts.append(self.text(index + 1))
                index += 2
            elif self._is_literal_key(index):
                parts.append(self.text(index + 1)[1:-1])
                index += 3
            else:
                break
        if not any(scope.bound == start.text for scope in self.scopes):
            asked = any(scope.asked for scope in self.scopes)
            self.found.reads.append(Read(tuple(parts), start.position, asked))
        return index

    def _is_literal_key(self, index: int) -> bool:
        """Tell whether ["key"] stands at the index, with a plain string."""
        key = self.text(index + 1)
        return (
            self.text(index) == "["
            and self.text(index + 2) == "]"
            and self.kind(index + 1) == "string"
            and key[0] in "'\""
            and not key.startswith(('"""', "'''"))
            and "\\" not in key
        )


@dataclass(slots=True)
class _Frame:
    """Remember an open bracket, and the call that it belongs to."""

    #: Index of the call's name; None for a bracket that calls nothing.
    name: int | None
    #: Index of the first token of the argument that is being read.
    start: int
    given: list[Given] = field(default_factory=list)
    #: The name that a macro binds; "" for all else.
    bound: str = ""


def _calls(tokens: list[_Token]) -> list[Call]:
    """Return the calls of a source in the order in which they end."""
    found: list[Call] = []
    frames: list[_Frame] = []
    for index, token in enumerate(tokens):
        if token.kind != "sign":
            continue
        if token.text in _OPENING:
            frames.append(_frame(tokens, index))
        elif not frames:
            continue
        elif token.text == "," or token.text in _CLOSING:
            frame = frames[-1]
            if frame.name is not None and index > frame.start:
                frame.given.append(_given(tokens[frame.start : index], frames))
            frame.start = index + 1
            if token.text in _CLOSING:
                frames.pop()
                if frame.name is not None:
                    found.append(_call(tokens, frame, frames))
    return found


def _frame(tokens: list[_Token], index: int) -> _Frame:
    before = tokens[index - 1] if index else None
    if tokens[index].text != "(" or before is None or before.kind != "name" or before.text in _KEYWORDS:
        return _Frame(None, index + 1)
    frame = _Frame(index - 1, index + 1)
    if index > 1 and tokens[index - 2].text == ".":
        frame.given.append(Given("other", before.position))
        if before.text in MACROS and index + 1 < len(tokens):
            frame.bound = tokens[index + 1].text
    return frame


def _call(tokens: list[_Token], frame: _Frame, around: list[_Frame]) -> Call:
    name = tokens[frame.name or 0]
    return Call(name.text, name.position, tuple(frame.given), any(outer.bound for outer in around))


def _given(tokens: list[_Token], frames: list[_Frame]) -> Given:
    """Say what an argument is when it stands alone; anything composed is "other"."""
    first = tokens[0]
    if len(tokens) == 1 and first.kind != "name":
        return _literal(first)
    if len(tokens) == 1 and first.text in {"true", "false", "null"}:
        return Given("null" if first.text == "null" else "boolean", first.position)
    if first.text == "-" and [token.kind for token in tokens[1:]] == ["number"]:
        return Given("number", first.position)
    names, dots = tokens[::2], tokens[1::2]
    if (
        len(tokens) % 2
        and all(token.kind == "name" for token in names)
        and all(token.text == "." for token in dots)
        and not any(frame.bound == first.text for frame in frames)
    ):
        return Given("path", first.position, path=tuple(token.text for token in names))
    return Given("other", first.position)


def _literal(token: _Token) -> Given:
    text = token.text
    if token.kind == "number":
        return Given("number", token.position)
    if token.kind != "string" or text[0] in "bB":
        return Given("other", token.position)
    is_plain = text[0] in "'\"" and not text.startswith(('"""', "'''")) and "\\" not in text
    return Given("text", token.position, text[1:-1] if is_plain else None)
