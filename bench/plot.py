"""A picture of the results: how far each goal is reached, drawn without any library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

ROW, TOP, LEFT, WIDTH, RIGHT = 30, 74, 330, 420, 250
#: The scale: a hundredth of the goal to a hundred times the goal.
DECADES = 2
MET, MISSED, INK, FAINT = "#2f7d5b", "#b4483a", "#22303c", "#c9d2da"


def across(share: float) -> float:
    """Give the place of a share of the goal on the logarithmic scale, in pixels from the left."""
    bounded = min(max(share, 10**-DECADES), 10**DECADES)
    return LEFT + WIDTH * (math.log10(bounded) + DECADES) / (2 * DECADES)


def plot(entries: Sequence[Mapping[str, Any]]) -> str:
    """Draw the entries that have a judged goal as bars from the goal: to the right is better.

    An entry without `share_of_goal` in its settings is left out. The text of every bar is in the picture, so that
    nothing depends on its color.
    """
    judged = [entry for entry in entries if entry["settings"].get("share_of_goal") is not None]
    height = TOP + ROW * max(len(judged), 1) + 30
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" '
            f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}" role="img">'
        ),
        "<title>How far each goal is reached</title>",
        f'<rect width="100%" height="{height}" fill="#ffffff"/>',
        _text(16, 26, "How far each goal is reached", size=17),
        _text(16, 46, _under(entries)),
    ]
    for power in range(-DECADES, DECADES + 1):
        place, name = across(10.0**power), "goal" if power == 0 else f"{10.0**power:g}×"
        parts.append(
            f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{TOP - 6}" y2="{height - 24}" '
            f'stroke="{INK if power == 0 else FAINT}" stroke-width="{2 if power == 0 else 1}"/>'
        )
        parts.append(_text(place, height - 8, name, anchor="middle"))
    if not judged:
        parts.append(_text(16, TOP + 20, "Nothing with a goal was measured."))
    for number, entry in enumerate(judged):
        parts += _bar(entry, top=TOP + ROW * number)
    return "\n".join([*parts, "</svg>", ""])


def _bar(entry: Mapping[str, Any], *, top: int) -> list[str]:
    share, met = float(entry["settings"]["share_of_goal"]), bool(entry["met"])
    goal, end = across(1.0), across(share)
    value = f"{entry['value']:g} {entry['unit']}"
    if entry["ratio"] is not None:
        value += f" ({entry['ratio']:g}×)"
    return [
        _text(LEFT - 12, top + 17, str(entry["name"]), anchor="end"),
        (
            f'<rect x="{min(goal, end):.1f}" y="{top + 4}" width="{max(abs(end - goal), 2):.1f}" '
            f'height="{ROW - 12}" rx="2" fill="{MET if met else MISSED}">'
            f"<title>{escape(str(entry['name']))}: {escape(value)}, goal {escape(str(entry['goal']))}</title></rect>"
        ),
        _text(LEFT + WIDTH + 14, top + 11, f"{value}: {'met' if met else 'not met'}", size=12),
        _text(LEFT + WIDTH + 14, top + 24, f"goal {entry['goal']}", size=11),
    ]


def _under(entries: Sequence[Mapping[str, Any]]) -> str:
    settings = entries[0]["settings"] if entries else {}
    cores = f"{entries[0]['cores']} cores" if entries else ""
    known = [f"{name} {settings[name]}" for name in ("postgres", "celery", "python") if name in settings]
    return ", ".join([cores, *known, "to the right is better"] if entries else ["no figures"])


def _text(x: float, y: float, words: str, *, size: int = 13, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(words)}</text>'
