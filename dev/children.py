"""Child processes that cannot outlive this one."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import psutil

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent(number: int, parent: int) -> Callable[[], None]:
    """Ask the kernel (Linux only) to send a signal when the parent dies, however it dies."""

    def ask() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, number)
            if os.getppid() != parent:  # it died in between
                os._exit(1)

    return ask


def spawn(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | int | None = None,
    user: str | None = None,
    cwd: Path | None = None,
    end_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a child as leader of its own process group, so that Ctrl-C reaches only us.

    Call it from the main thread: the kernel watches the thread that started the child. With `user` (root only)
    the child runs as that user.
    """
    account: dict[str, Any] = {}
    if user is not None:
        import pwd  # noqa: PLC0415 absent where there are no such users

        account = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    return subprocess.Popen(
        [str(part) for part in command],
        env=dict(env) if env is not None else None,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        process_group=0,
        preexec_fn=end_with_parent(end_signal, os.getpid()),  # noqa: PLW1509 - one thread, and no Python lock taken
        **account,
    )


def sweep_group(child: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of the child's process group; nothing left is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def stop(child: subprocess.Popen[bytes], *, number: int = signal.SIGTERM, seconds: float) -> None:
    """Signal the child, wait, then kill what is left of its group; a child that has ended is fine."""
    if child.poll() is None:
        child.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=seconds)
    sweep_group(child)
    child.wait()


def command_of(pid: int) -> str:
    """Tell the command line of a living process, or an empty text when there is none."""
    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else " ".join(process.cmdline())
    except psutil.Error:
        return ""
