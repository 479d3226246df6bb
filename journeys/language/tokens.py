"""A small reader of expression sources: which facts they look at, and how deep they nest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Outline:
    """Hold what can be said of a source without running it."""

    reads: list[Read] = field(default_factory=list)
    #: Deepest nesting of brackets, and of macros inside macros.
    brackets: int = 0
    macro_depth: int = 0
    macros: int = 0
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
    return _Reader(tokens).read()


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
