"""The picture of the results."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench.figures import Figure, Goal
from bench.plot import LEFT, WIDTH, across, plot


def an_entry(name: str, value: float, **changed: Any) -> dict[str, Any]:
    figure = Figure(name=name, unit="ms", value=value, goal=Goal("value", "at most", 20), **changed)
    return figure.as_json(cores=2, settings={"postgres": "18.6", "python": "3.11.7"})


def texts(picture: str) -> list[str]:
    # Drawn by ourselves just now.
    drawn = ET.fromstring(picture)  # noqa: S314
    return [one.text or "" for one in drawn.iter("{http://www.w3.org/2000/svg}text")]


def test_the_goal_is_in_the_middle_and_better_is_to_the_right() -> None:
    assert across(1.0) == LEFT + WIDTH / 2
    assert across(0.5) < across(1.0) < across(2.0)


@pytest.mark.parametrize(("share", "place"), [(1e-9, LEFT), (0.0, LEFT), (1e9, LEFT + WIDTH)])
def test_what_is_far_off_stays_in_the_picture(share: float, place: float) -> None:
    assert across(share) == pytest.approx(place)


def test_every_judged_figure_has_a_bar_and_its_verdict_in_words() -> None:
    picture = plot([an_entry("fast <enough>", 5), an_entry("slow", 80)])

    words = texts(picture)
    assert "fast <enough>" in words
    assert "5 ms: met" in words
    assert "80 ms: not met" in words
    assert any("2 cores, postgres 18.6" in one for one in words)


def test_what_was_not_judged_has_no_bar() -> None:
    skipped = Figure(name="DBOS", unit="steps/s", skipped="no registry can be reached").as_json(
        cores=2, settings={}
    )

    words = texts(plot([skipped, an_entry("small", 5, not_judged="too small")]))

    assert "DBOS" not in words
    assert "small" not in words
    assert "Nothing with a goal was measured." in words


def test_no_figures_at_all_make_a_picture_too() -> None:
    assert "no figures" in texts(plot([]))
