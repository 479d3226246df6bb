"""`python -m bench [question …]`: measure, print each figure beside its yardstick, and write them down."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench import figures, machine, places, workers
from bench.figures import Figure
from bench.plot import plot
from bench.run import Run, Skipped, say
from bench.spending import FILLING, line, spending
from dev.places import ROOT

#: Question → its file; in the order in which they are asked: first those that share one engine, then the others.
QUESTIONS = MappingProxyType(
    {
        "throughput": "steps a second when there is more to do than can be done",
        "cpu": "processor time a step",
        "yardsticks": "the yardsticks themselves",
        "latency": "how soon a step is begun",
        "priority": "whether urgent steps wait for others",
        "timers": "how late the last of many is that are due at once",
        "memory": "whether a worker process grows",
        "growth": "the rate beside very many rows",
        "api": "how long requests take with fifty clients",
        "simulation": "how long it takes to look ahead",
        "forecast": "how long it takes to say what the next days bring",
        "enrolment": "how fast many clients enter one journey",
        "matching": "what an event costs among very many journeys",
        "sweep": "how long it takes to follow dates",
    }
)
#: Those that share one engine: it goes on from one of them to the next.
AT_WORK = frozenset({"throughput", "cpu", "yardsticks", "latency", "priority", "timers", "memory", "growth"})
QUICK = ("throughput", "latency", "priority")
RESULTS = Path(__file__).resolve().parent / "results"


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write down; 1 when something broke, 2 when nothing could be measured."""
    options = _options(words)
    # Asked to stop, it clears up first, as for Ctrl-C.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    begun = time.monotonic()
    names = asked(options.question, quick=options.quick)
    path: Path = options.results or default_path(scale=options.scale, quick=options.quick)
    server = os.environ["DATABASE_URL"]
    with places.own_number(os.environ["REDIS_URL"]) as broker, contextlib.ExitStack() as stack:
        try:
            settings = machine.settings_of(database=server, broker=broker)
        except machine.NotDurable as refusal:
            say(str(refusal))
            return 2
        os.environ |= {
            "DATABASE_URL": places.own_address(server),
            "REDIS_URL": broker,
            "LOG_LEVEL": "ERROR",
        }
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        run = Run(scale=options.scale, quick=options.quick, questions=frozenset(names))
        stack.callback(run.end)
        _begin_early(run, stack)
        stack.enter_context(_own_database(server))
        # Before the database goes.
        stack.callback(run.end)
        say(f"{machine.cores()} cores, " + ", ".join(f"{name} {value}" for name, value in settings.items()))
        settings |= {"scale": options.scale, "quick": options.quick}
        # All questions asked: nothing of an earlier run stays.
        before = figures.read_results(path) if options.question else []
        broken = _measure(run, names, path=path, before=before, settings=settings)
    say(f"Written to {path} and {path.with_suffix('.svg')} after {time.monotonic() - begun:.0f} s.")
    return 1 if broken else 0


def _begin_early(run: Run, stack: contextlib.ExitStack) -> None:
    """Have loaded what takes long to load while this process loads, too, where its question is asked."""
    if run.questions & {"throughput", "cpu"}:
        stack.enter_context(workers.loading_ahead([workers.SINGLE, {}]))
    elif run.questions & AT_WORK - {"yardsticks"}:
        stack.enter_context(workers.loading_ahead([{}]))
    if run.questions & {"throughput", "cpu", "yardsticks"}:
        run.lasting(workers.CHAIN, lambda: workers.running([workers.chain_program()]))


@contextlib.contextmanager
def _own_database(server: str) -> Iterator[None]:
    """Set Django up, and make a database of our own with all tables and no rows."""
    import django  # noqa: PLC0415 the environment names our own database first

    django.setup()
    with spending.on(FILLING):
        like = places.prepared(server, sources=places.migration_files(), prepare=_migrate)
    with places.own_database(server, like=like):
        yield


def _migrate(database: str) -> None:
    """Make all tables, in a process of its own, which leaves no connection behind."""
    command = [sys.executable, "manage.py", "migrate", "--noinput", "-v", "0"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": database}, check=True)  # noqa: S603 ours


def asked(named: Sequence[str], *, quick: bool) -> list[str]:
    """Give the questions in their order: those that were named, or all of the run."""
    wanted = named or (QUICK if quick else tuple(QUESTIONS))
    return [name for name in QUESTIONS if name in wanted]


def default_path(*, scale: float, quick: bool) -> Path:
    """Give where results are written; those of a smaller size never replace those of the full one."""
    if scale < 1:
        return Path(os.environ.get("VAR_DIR") or "var") / "bench" / ("quick.json" if quick else "scaled.json")
    return RESULTS / ("quick.json" if quick else "latest.json")


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    described = "\n".join(f"  {name:<12}{what}" for name, what in QUESTIONS.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=f"questions:\n{described}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("question", nargs="*", help="those to ask; all when none is named")
    parser.add_argument(
        "--scale", type=_scale, default=1.0, help="part of the full size, above 0 and up to 1"
    )
    parser.add_argument("--quick", action="store_true", help="only the core, in one minute")
    parser.add_argument("--results", type=Path, help="file of results; the picture stands beside it")
    options = parser.parse_args(words)
    if unknown := [name for name in options.question if name not in QUESTIONS]:
        parser.error(f"There is no question {', '.join(unknown)}: choose from {', '.join(QUESTIONS)}.")
    return options


def _scale(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        message = "The scale is above 0 and up to 1."
        raise argparse.ArgumentTypeError(message)
    return value


def _measure(
    run: Run,
    names: Sequence[str],
    *,
    path: Path,
    before: Sequence[dict[str, Any]],
    settings: dict[str, Any],
) -> bool:
    """Ask the questions and write each answer down at once; tell whether one broke."""
    from bench import drains  # noqa: PLC0415 the environment names our own database first

    entries, broken = list(before), False
    figures.write_results(path, entries)
    try:
        for place, name in enumerate(names):
            load = machine.load()
            say(f"\n{name}: {QUESTIONS[name]}")
            for figure in _asked(name, run, first=not place):
                broken |= figure.skipped.startswith(BROKE)
                say(f"  {figure.line()}")
                entry = figure.as_json(cores=machine.cores(), settings={**settings, "load_before": load})
                entries = figures.merged(entries, [entry])
                figures.write_results(path, entries)
            say(f"  ({line(spending.taken())})")
    finally:
        drains.let_go()
    path.with_suffix(".svg").write_text(plot(entries), encoding="utf-8")
    return broken


#: How the reason begins where a question was not skipped on purpose.
BROKE = "It broke"


def _asked(name: str, run: Run, *, first: bool = True) -> Iterator[Figure]:
    """Give the answers of one question; one that breaks is an answer too, and does not stop the others."""
    try:
        if not first:
            _make_room(run, at_work=name in AT_WORK)
        yield from importlib.import_module(f"bench.{name}").measure(run)
    except Skipped as reason:
        yield Figure(name=name, unit="", skipped=str(reason))
    except Exception as error:  # noqa: BLE001 the next question is asked all the same
        yield Figure(name=name, unit="", skipped=f"{BROKE} ({type(error).__name__}): {error}")


def _make_room(run: Run, *, at_work: bool) -> None:
    """Empty the database; the engine that questions share goes on only for one that shares it."""
    from bench import drains, filling  # noqa: PLC0415 the environment names our own database first

    if not at_work:
        run.end()
    goes_on = run.lasts(drains.SHARED)
    if goes_on:
        drains.calm()
    filling.empty(at_work=goes_on)


if __name__ == "__main__":
    sys.exit(main())
