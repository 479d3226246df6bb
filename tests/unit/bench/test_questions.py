"""What can be asked, in which size, and where the answers go."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as bench
from bench import definitions
from bench.run import Run, Skipped
from bench.sweep import read_whole
from journeys import validation


@pytest.mark.parametrize("name", bench.QUESTIONS)
def test_every_question_has_a_file_that_answers_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")

    measure = importlib.import_module(f"bench.{name}").measure

    assert ["run"] == list(inspect.signature(measure).parameters)
    assert inspect.isgeneratorfunction(measure)
    assert inspect.getdoc(measure)


def test_the_quick_questions_are_questions() -> None:
    assert set(bench.QUICK) <= set(bench.QUESTIONS)


def test_questions_that_share_an_engine_are_asked_one_after_the_other_and_first() -> None:
    shared = [name in bench.AT_WORK for name in bench.QUESTIONS]

    assert set(bench.QUESTIONS) >= bench.AT_WORK
    assert shared == sorted(shared, reverse=True)


def test_questions_are_asked_in_their_order_whatever_they_are_named_in() -> None:
    assert bench.asked(["sweep", "latency", "throughput"], quick=False) == ["throughput", "latency", "sweep"]
    assert bench.asked([], quick=True) == list(bench.QUICK)
    assert bench.asked([], quick=False) == list(bench.QUESTIONS)


@pytest.mark.parametrize("name", definitions.JOURNEYS)
def test_every_measured_journey_can_be_published(name: str) -> None:
    graph = validation.graph_of(definitions.JOURNEYS[name])

    assert graph.start.id == "start"


def test_numbers_and_times_shrink_with_the_scale() -> None:
    run = Run(scale=0.1)

    assert run.number(1_000) == 100
    assert run.number(15) == 2
    assert run.number(15, least=10) == 10
    assert run.seconds(60) == pytest.approx(6)
    assert run.seconds(1, least=0.5) == 0.5


def test_a_quick_run_takes_its_own_numbers_where_it_has_them() -> None:
    run = Run(quick=True)

    assert run.number(1_000, quick=80) == 80
    assert run.number(1_000) == 1_000
    assert run.seconds(8, quick=3) == 3


def test_what_several_questions_need_is_measured_once() -> None:
    run, measured = Run(), []

    def measure() -> int:
        measured.append(1)
        return 7

    assert (run.once("rate", measure), run.once("rate", measure)) == (7, 7)
    assert len(measured) == 1


def test_a_goal_is_about_its_whole_number() -> None:
    assert Run().whole(1_000_000, 1_000_000) == ""
    assert Run().whole(5_000, 1_000_000) == "measured with 5,000 of 1,000,000"


@pytest.mark.parametrize(
    ("scale", "quick", "name"),
    [(1.0, False, "latest.json"), (1.0, True, "quick.json"), (0.1, False, "scaled.json")],
)
def test_a_smaller_run_never_replaces_the_full_results(scale: float, *, quick: bool, name: str) -> None:
    path = bench.default_path(scale=scale, quick=quick)

    assert path.name == name
    assert (path.parent == bench.RESULTS) is (scale == 1)


@pytest.mark.parametrize("words", [["speed"], ["--scale", "0"], ["--scale", "1.5"]])
def test_a_wrong_word_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(words)

    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Skipped("There is no registry."), "There is no registry."),
        (ValueError("odd"), "It broke (ValueError): odd"),
    ],
)
def test_a_question_that_can_not_be_answered_says_so(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(run: Run) -> Any:
        raise error
        yield  # makes it a generator

    monkeypatch.setattr("bench.timers.measure", measure)

    (figure,) = bench._asked("timers", Run())

    assert (figure.name, figure.value, figure.skipped) == ("timers", None, reason)


def test_a_large_table_that_is_read_whole_is_found_wherever_it_stands_in_the_plan() -> None:
    scan = {"Node Type": "Seq Scan", "Relation Name": "journeys_wedding"}
    small = {"Node Type": "Seq Scan", "Relation Name": "journeys_vendor"}
    index = {"Node Type": "Index Scan", "Relation Name": "journeys_client"}

    assert read_whole(
        {"Node Type": "Nested Loop", "Plans": [{"Node Type": "Sort", "Plans": [scan]}, index]}
    ) == {"journeys_wedding"}
    assert read_whole({"Node Type": "Nested Loop", "Plans": [small, index]}) == set()


def test_results_are_kept_beside_the_bench() -> None:
    assert Path(bench.__file__).parent / "results" == bench.RESULTS
