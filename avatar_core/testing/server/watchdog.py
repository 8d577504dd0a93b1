"""Keeps a livekit-server no longer than its user; run as a script, with the stdlib alone.

    python -IS watchdog.py USER_PID RUN_DIR BINARY

It ends the server and removes RUN_DIR when its standard input closes (the user stopped
it, or died in whatever way), when the user is gone although a forked child of it still
holds the pipe, on SIGTERM, and when the server exits. If the watchdog itself is killed,
the kernel ends the server.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_TERM_S = 0.3
_SECOND_TERM_S = 1.7


def main(user_pid: int, run_dir: Path, binary: str) -> int:
    """Run the server until its user no longer needs it; its exit code."""
    signals = _hear_signals()
    user = _watch_process(user_pid)
    with subprocess.Popen(  # noqa: S603
        [binary, "--config", str(run_dir / "config.yaml")],
        stdin=subprocess.DEVNULL,
        preexec_fn=_die_with_parent(),
    ) as server:
        try:
            _write_pids(run_dir, server.pid)
            _wait(server, signals, user)
        finally:
            _end(server)
            shutil.rmtree(run_dir, ignore_errors=True)
    return server.returncode


def _hear_signals() -> int:
    """Ignore Ctrl-C; let SIGTERM and SIGCHLD be read from the descriptor returned."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    signal.set_wakeup_fd(write_fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for heard in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(heard, lambda *_: None)
    return read_fd


def _watch_process(pid: int) -> int | None:
    """A descriptor that becomes readable when `pid` dies, where the system has that."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _die_with_parent() -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    watchdog_pid = os.getpid()

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != watchdog_pid:
            os._exit(1)

    return before_exec


def _write_pids(run_dir: Path, server_pid: int) -> None:
    pids = {"watchdog": os.getpid(), "server": server_pid}
    unfinished = run_dir / "pids.unfinished"
    unfinished.write_text(json.dumps(pids))
    unfinished.replace(run_dir / "pids.json")


def _wait(server: subprocess.Popen[bytes], signals: int, user: int | None) -> None:
    watched = [0, signals] if user is None else [0, signals, user]
    while server.poll() is None:
        readable = select.select(watched, [], [])[0]
        if readable != [signals] or signal.SIGTERM in os.read(signals, 64):
            return


def _end(server: subprocess.Popen[bytes]) -> None:
    """A second SIGTERM tells livekit-server not to wait for its participants."""
    for patience_s in (_TERM_S, _SECOND_TERM_S):
        server.terminate()
        try:
            server.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
        return
    server.kill()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
