"""Names of branches: a frame for each split around a token, "<split>@<visit>.<port>", joined by "/"."""

from __future__ import annotations

from dataclasses import dataclass

#: Splits around one another; keeps a branch's name under its column's length.
MAX_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Frame:
    """Say which split a token came out of, in which of its rounds, and by which port."""

    split: str
    #: The round in which the split was passed; the token goes on with it behind the merge.
    visit: int
    port: str

    def __str__(self) -> str:
        return f"{self.split}@{self.visit}.{self.port}"


def inside(branch: str, *, split: str, visit: int, port: str) -> str:
    """Return the branch that leaves a split by a port."""
    frame = str(Frame(split, visit, port))
    return f"{branch}/{frame}" if branch else frame


def outside(branch: str) -> tuple[str, Frame | None]:
    """Return the branch around the innermost split and that split's frame; None outside of every split."""
    around, _, last = branch.rpartition("/")
    if "@" not in last:
        return branch, None
    split, _, rest = last.partition("@")
    visit, _, port = rest.partition(".")
    return around, Frame(split, int(visit), port)


def scope(around: str, *, split: str, visit: int) -> str:
    """Return what the names of all branches of one passage of a split begin with."""
    start = f"{split}@{visit}."
    return f"{around}/{start}" if around else start


def depth(branch: str) -> int:
    """Return how many splits are around a token."""
    return branch.count("/") + 1 if branch else 0
