"""The name of a place in a journey: what messages and tasks of a step are known by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

#: instance, node, branch, visit
PARTS = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instance stood when it did something: "<instance>:<node>:<branch>:<visit>"."""

    instance: str
    node_id: str
    branch: str
    visit: int

    def __str__(self) -> str:
        return f"{self.instance}:{self.node_id}:{self.branch}:{self.visit}"

    @classmethod
    def of_key(cls, key: str) -> Self | None:
        """Read the place at the front of a message's key; None for a message that no step sent.

        Branch names may hold colons, the other parts do not.
        """
        instance, _, rest = key.partition(":")
        node_id, _, rest = rest.partition(":")
        branch, _, rest = rest.rpartition(":")
        branch, _, visit = branch.rpartition(":") if ":" in branch else ("", "", branch)
        if not rest or not visit.isdecimal():
            return None
        return cls(instance, node_id, branch, int(visit))
