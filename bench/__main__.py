"""`make bench`: print how fast the engine is on this machine, beside raw Celery in the same run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.places import own_database, own_number
from bench.workers import chain_programs, engine_programs, running, wait_until

#: The queue that weddings in 200 days go through.
QUEUE = "low"


def main() -> int:
    """Measure, print, and write the same as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--json", type=Path, default=Path(os.environ.get("VAR_DIR", "var")) / "bench.json")
    options = parser.parse_args()
    with own_database(os.environ["DATABASE_URL"]) as database, own_number(os.environ["REDIS_URL"]) as broker:
        os.environ |= {"DATABASE_URL": database, "REDIS_URL": broker}
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        report = _measure(options.instances)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _say(_text(report))
    _say(f"As JSON: {options.json}")
    return 0


def _measure(instances: int) -> dict[str, Any]:
    import django  # noqa: PLC0415 the environment names our own database first

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from bench import load  # noqa: PLC0415
    from journeys import clock  # noqa: PLC0415

    _say("Preparing a database of its own.")
    call_command("migrate", verbosity=0, interactive=False)
    now = clock.now()
    vendor, couples = load.make_couples(instances, now=now)
    journeys = {name: load.publish(name, vendor, now=now) for name in load.JOURNEYS}
    measured = []
    loads = [os.getloadavg()[0]]
    programs = engine_programs()
    _say("Measuring the engine.")
    with running(programs):
        load.wait_for_workers(len(programs) - 1)
        # The first tasks of a process import what it needs; nobody measures that.
        load.measure("warm-up", load.publish("first step", vendor, now=now), couples, steps_each=1)
        for name, journey in journeys.items():
            measured.append(load.measure(name, journey, couples, steps_each=_steps(name)))
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit'), version()")
        fsync, synchronous, postgres = cursor.fetchone()
    connection.close()
    loads.append(os.getloadavg()[0])
    _say("Measuring raw Celery.")
    return {
        "engine": [one.as_json() for one in measured],
        "celery": _measure_chain(instances, lengths={name: _steps(name) for name in journeys}),
        "machine": {
            "cores": os.cpu_count(),
            "load_before_engine_and_celery": [round(one, 2) for one in loads],
            "python": platform.python_version(),
            "celery": version("celery"),
            "kombu": version("kombu"),
            "django": version("django"),
            "psycopg": version("psycopg"),
            "postgres": str(postgres).split(" on ")[0],
            "fsync": fsync,
            "synchronous_commit": synchronous,
            "workers": [" ".join(one.command[-6:]) for one in programs if one.name != "beat"],
        },
    }


def _steps(name: str) -> int:
    from bench import load  # noqa: PLC0415 needs settings

    kinds = [node["type"] for node in load.JOURNEYS[name]["nodes"]]
    # A wait that has not come is no step yet, and neither is what lies behind it.
    return kinds.index("wait") if "wait" in kinds else len(kinds)


def _measure_chain(chains: int, *, lengths: dict[str, int]) -> list[dict[str, Any]]:
    """Run as many tasks as the engine had steps, in as many chains as there were instances."""
    from bench.chain import COUNTER, READY, app, counter  # noqa: PLC0415 needs settings

    results = []
    with running(chain_programs()), app.connection_for_write() as connection:
        app.send_task("bench.ready", queue=QUEUE)
        wait_until(lambda: counter().get(READY), seconds=60, what="Celery's workers were up")
        with app.amqp.Producer(connection) as producer:
            for name, length in {"warm-up": 1, **lengths}.items():
                counter().delete(COUNTER)
                begun = time.monotonic()
                for _ in range(chains):
                    app.send_task(
                        "bench.step", kwargs={"left": length, "queue": QUEUE}, queue=QUEUE, producer=producer
                    )
                ended = wait_until(
                    lambda: int(counter().get(COUNTER) or 0) >= chains,
                    seconds=300,
                    what="the chains were done",
                )
                seconds = ended - begun
                if name != "warm-up":
                    results.append(
                        {
                            "name": name,
                            "tasks": chains * length,
                            "seconds": round(seconds, 3),
                            "tasks_per_second": round(chains * length / seconds, 1),
                        }
                    )
    return results


def _text(report: dict[str, Any]) -> str:
    machine = report["machine"]
    lines = [
        "",
        (
            f"{machine['cores']} cores, {machine['postgres']} (fsync {machine['fsync']}, synchronous_commit "
            f"{machine['synchronous_commit']}), Python {machine['python']}, Celery {machine['celery']}"
        ),
        "Load of the machine before the engine and before Celery: "
        + ", ".join(str(one) for one in machine["load_before_engine_and_celery"]),
        "",
        f"{'':<20}{'steps':>8}{'seconds':>9}{'steps/s':>9}{'late p50':>10}{'p99':>9}{'Celery/s':>10}{'ratio':>7}",
    ]
    for engine, celery in zip(report["engine"], report["celery"], strict=True):
        ratio = engine["steps_per_second"] / celery["tasks_per_second"]
        lines.append(
            f"{engine['name']:<20}{engine['steps']:>8}{engine['seconds']:>9.2f}{engine['steps_per_second']:>9.0f}"
            f"{engine['lateness_p50_ms']:>7.0f} ms{engine['lateness_p99_ms']:>6.0f} ms"
            f"{celery['tasks_per_second']:>10.0f}{ratio:>7.2f}"
        )
    lines += ["", "Ratio: steps of the engine for each empty task of raw Celery on the same workers.", ""]
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
