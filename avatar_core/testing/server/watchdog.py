"""Ends a livekit-server when its owner process ends; the script imports only the standard library.

    python -IS watchdog.py OWNER_PID RUN_DIR BINARY

The watchdog ends the server and removes RUN_DIR on any of these events: its standard input closes
(the owner stopped the server or died), the owner dies while a forked child still holds the pipe,
SIGTERM arrives, or the server exits. If the watchdog itself is killed, the kernel ends the server.
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


def main(owner_pid: int, run_dir: Path, binary: str) -> int:
    """Run the server until its owner stops it or dies.

    Args:
        owner_pid: The process id of the owner.
        run_dir: The folder of the server with its `config.yaml`; the function removes the folder at
            the end.
        binary: The path of livekit-server.

    Returns:
        The exit code of the server; negative if a signal ended it.

    Raises:
        OSError: The server cannot be executed.
    """
    signals = _handle_signals()
    owner = _watch_process(owner_pid)
    with subprocess.Popen(  # noqa: S603
        [binary, "--config", str(run_dir / "config.yaml")],
        stdin=subprocess.DEVNULL,
        preexec_fn=_die_with_parent(),
    ) as server:
        try:
            _write_pids(run_dir, server.pid)
            _wait(server, signals, owner)
        finally:
            _end(server)
            shutil.rmtree(run_dir, ignore_errors=True)
    return server.returncode


def _handle_signals() -> int:
    """Ignore SIGINT; return a descriptor from which SIGTERM and SIGCHLD can be read."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    signal.set_wakeup_fd(write_fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return read_fd


def _watch_process(pid: int) -> int | None:
    """Return a descriptor that becomes readable when `pid` dies; None without pidfd support."""
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
        """Make the kernel kill the server when the watchdog dies; exit if it has died already."""
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != watchdog_pid:
            os._exit(1)

    return before_exec


def _write_pids(run_dir: Path, server_pid: int) -> None:
    pids = {"watchdog": os.getpid(), "server": server_pid}
    unfinished = run_dir / "pids.unfinished"
    unfinished.write_text(json.dumps(pids))
    unfinished.replace(run_dir / "pids.json")


def _wait(server: subprocess.Popen[bytes], signals: int, owner: int | None) -> None:
    watched = [0, signals] if owner is None else [0, signals, owner]
    while server.poll() is None:
        readable = select.select(watched, [], [])[0]
        if readable != [signals] or signal.SIGTERM in os.read(signals, 64):
            return


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server with SIGTERM; send it again after 0.3 s, and SIGKILL 1.7 s later.

    After a second SIGTERM, livekit-server does not wait for its participants any more.
    """
    for timeout_s in (_TERM_S, _SECOND_TERM_S):
        server.terminate()
        try:
            server.wait(timeout_s)
        except subprocess.TimeoutExpired:
            continue
        return
    server.kill()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
