"""`python -m bench [question …]`: measure, print each figure beside its yardstick, and write them down."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench import figures, machine
from bench.figures import Figure
from bench.places import own_database, own_number
from bench.plot import plot
from bench.run import Run, Skipped, say

#: Question → its file; in the order in which they are asked: what fills the database most comes last.
QUESTIONS = MappingProxyType(
    {
        "throughput": "steps a second when there is more to do than can be done",
        "cpu": "processor time a step",
        "yardsticks": "the yardsticks themselves",
        "latency": "how soon a step is begun",
        "priority": "whether urgent steps wait for others",
        "timers": "how late the last of many is that are due at once",
        "memory": "whether a worker process grows",
        "api": "how long requests take with fifty clients",
        "simulation": "how long it takes to look ahead",
        "enrolment": "how fast many clients enter one journey",
        "matching": "what an event costs among very many journeys",
        "sweep": "how long it takes to follow dates",
        "growth": "the rate beside very many rows",
    }
)
QUICK = ("throughput", "latency", "priority")
RESULTS = Path(__file__).resolve().parent / "results"


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write down; 1 when something broke, 2 when nothing could be measured."""
    options = _options(words)
    # Asked to stop, it clears up first, as for Ctrl-C.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    begun = time.monotonic()
    names = options.question or (list(QUICK) if options.quick else list(QUESTIONS))
    path: Path = options.results or default_path(scale=options.scale, quick=options.quick)
    with own_database(os.environ["DATABASE_URL"]) as database, own_number(os.environ["REDIS_URL"]) as broker:
        os.environ |= {"DATABASE_URL": database, "REDIS_URL": broker, "LOG_LEVEL": "ERROR"}
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        try:
            settings = machine.settings_of(database=database, broker=broker)
        except machine.NotDurable as refusal:
            say(str(refusal))
            return 2
        run = Run(scale=options.scale, quick=options.quick)
        say(f"{machine.cores()} cores, " + ", ".join(f"{name} {value}" for name, value in settings.items()))
        settings |= {"scale": options.scale, "quick": options.quick}
        # All questions asked: nothing of an earlier run stays.
        before = figures.read_results(path) if options.question else []
        broken = _measure(run, names, path=path, before=before, settings=settings)
    say(f"Written to {path} and {path.with_suffix('.svg')} after {time.monotonic() - begun:.0f} s.")
    return 1 if broken else 0


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
    parser.add_argument("--quick", action="store_true", help="only the core, in two minutes")
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
    import django  # noqa: PLC0415 the environment names our own database first

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 the same

    from bench import drains, filling  # noqa: PLC0415 the same

    call_command("migrate", verbosity=0, interactive=False)
    entries, broken = list(before), False
    figures.write_results(path, entries)
    try:
        for name in names:
            filling.empty()
            begun, load = time.monotonic(), machine.load()
            say(f"\n{name}: {QUESTIONS[name]}")
            for figure in _asked(name, run):
                broken |= figure.skipped.startswith(BROKE)
                say(f"  {figure.line()}")
                entry = figure.as_json(cores=machine.cores(), settings={**settings, "load_before": load})
                entries = figures.merged(entries, [entry])
                figures.write_results(path, entries)
            say(f"  ({time.monotonic() - begun:.0f} s)")
    finally:
        drains.let_go()
    path.with_suffix(".svg").write_text(plot(entries), encoding="utf-8")
    return broken


#: How the reason begins where a question was not skipped on purpose.
BROKE = "It broke"


def _asked(name: str, run: Run) -> Iterator[Figure]:
    """Give the answers of one question; one that breaks is an answer too, and does not stop the others."""
    try:
        yield from importlib.import_module(f"bench.{name}").measure(run)
    except Skipped as reason:
        yield Figure(name=name, unit="", skipped=str(reason))
    except Exception as error:  # noqa: BLE001 the next question is asked all the same
        yield Figure(name=name, unit="", skipped=f"{BROKE} ({type(error).__name__}): {error}")


if __name__ == "__main__":
    sys.exit(main())
