"""What a question answers: a figure, its yardstick and its goal, and how they are written down."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

#: The keys of one entry of the results; `skipped` is there only where nothing was measured.
KEYS = (
    "name",
    "value",
    "unit",
    "yardstick_name",
    "yardstick_value",
    "ratio",
    "goal",
    "met",
    "cores",
    "settings",
)


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached: by the figure itself, or by its ratio to the yardstick."""

    of: Literal["value", "ratio"]
    sense: Literal["at least", "at most"]
    bound: float

    def share(self, *, value: float | None, ratio: float | None) -> float | None:
        """Give how far it is reached: 1 is the goal, more is better; None where there is nothing to judge."""
        judged = value if self.of == "value" else ratio
        if judged is None:
            return None
        reached, wanted = (judged, self.bound) if self.sense == "at least" else (self.bound, judged)
        if wanted == 0:
            return 1.0 if reached == 0 else math.inf
        return reached / wanted

    def text(self, unit: str) -> str:
        """Say it in words."""
        return f"{self.sense} {self.bound:g}" + (f" {unit}" if self.of == "value" else " times")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One answer. Without a value it was skipped, and `skipped` says why."""

    name: str
    unit: str
    value: float | None = None
    yardstick_name: str = ""
    yardstick_value: float | None = None
    goal: Goal | None = None
    #: The run was too small or too short for the goal, for the reason given; the figure stands, `met` does not.
    not_judged: str = ""
    skipped: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Return value over yardstick; None without either, or with a yardstick of nothing."""
        if self.value is None or not self.yardstick_value:
            return None
        return self.value / self.yardstick_value

    @property
    def share(self) -> float | None:
        """Return how far the goal is reached, 1 being the goal; None where it is not judged."""
        if self.goal is None or self.not_judged:
            return None
        return self.goal.share(value=self.value, ratio=self.ratio)

    @property
    def met(self) -> bool | None:
        """Tell whether the goal is reached; None where it is not judged."""
        return None if self.share is None else self.share >= 1

    def as_json(self, *, cores: int, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Give the entry for the results."""
        entry: dict[str, Any] = {
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
            "yardstick_name": self.yardstick_name,
            "yardstick_value": rounded(self.yardstick_value),
            "ratio": rounded(self.ratio),
            "goal": self.goal.text(self.unit) if self.goal else "",
            "met": self.met,
            "cores": cores,
            "settings": {**settings, **self.detail},
        }
        if self.share is not None:
            entry["settings"]["share_of_goal"] = rounded(self.share)
        if self.not_judged:
            entry["settings"]["not_judged"] = self.not_judged
        if self.skipped:
            entry["skipped"] = self.skipped
        return entry

    def line(self) -> str:
        """Give it for a person."""
        if self.value is None:
            return f"{self.name}: skipped. {self.skipped}"
        parts = [f"{self.name}: {shown(self.value)} {self.unit}"]
        if self.ratio is not None and self.yardstick_value is not None:
            parts.append(f"{self.yardstick_name}: {shown(self.yardstick_value)}, ratio {shown(self.ratio)}")
        if self.goal is not None:
            verdict = {True: "met", False: "NOT met", None: f"not judged ({self.not_judged})"}[self.met]
            parts.append(f"goal {self.goal.text(self.unit)}: {verdict}")
        return "; ".join(parts)


def rounded(value: float | None) -> float | None:
    """Round to four significant digits, which is more than any of this is worth; infinity becomes None."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.4g}")


def shown(value: float) -> str:
    """Write a number for a person: three significant digits, thousands in groups, no exponent."""
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{digits}f}"


def percentile(values: Iterable[float], share: float) -> float:
    """Give the smallest value that at least so many (0 < share ≤ 1) of the values do not exceed.

    Raises:
        ValueError: there are no values, or the share is none.
    """
    ordered = sorted(values)
    if not ordered or not 0 < share <= 1:
        message = "A percentile needs values and a share above 0 and up to 1."
        raise ValueError(message)
    return ordered[math.ceil(round(share * len(ordered), 9)) - 1]


def middle(values: Sequence[float]) -> float:
    """Give the median."""
    return statistics.median(values)


def merged(before: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add new entries to those of before: an entry takes the place of the older one with its name."""
    entries = {str(entry["name"]): dict(entry) for entry in before}
    for entry in new:
        entries[str(entry["name"])] = dict(entry)
    return list(entries.values())


def read_results(path: Path) -> list[dict[str, Any]]:
    """Read results; none where there is no file yet."""
    if not path.exists():
        return []
    entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return entries


def write_results(path: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write results, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(list(entries), indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
