"""The folder of each running server, and the removal of folders whose owner process has died."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from avatar_core import processes
from avatar_core.testing.server.find import cache_dir

KEPT_LOGS = 20

_TICKS_PER_S = 100  # resolution of Linux's start times, so that a folder's name holds an integer


@dataclass(frozen=True, slots=True)
class Pids:
    """The process ids of one running server.

    Attributes:
        watchdog: The process that ends the server when its owner dies.
        server: The livekit-server.
    """

    watchdog: int
    server: int


def create_run_dir() -> Path:
    """Create the folder `<pid>-<start time>-<nonce>` for a server of this process.

    Returns:
        The folder, which only this user can read.

    Raises:
        OSError: The folder cannot be created.
    """
    pid = os.getpid()
    run_dir = _runs() / f"{pid}-{_start_mark(pid)}-{secrets.token_hex(4)}"
    _runs().mkdir(parents=True, exist_ok=True)
    run_dir.mkdir(mode=0o700)
    return run_dir


def create_log(kind: str, name: str) -> Path:
    """Create an empty log file, and delete all but the newest `KEPT_LOGS` files of its kind.

    Args:
        kind: The program that writes the log: `livekit-server` or `demo`.
        name: The rest of the file name, which distinguishes the logs of one kind. The function
            replaces an older log of the same name.

    Returns:
        The path of the log, which stays after the program has ended.

    Raises:
        OSError: The log cannot be created.
    """
    folder = cache_dir() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / f"{kind}-{name}.log"
    log_path.unlink(missing_ok=True)
    log_path.touch(mode=0o600)
    for old in sorted(folder.glob(f"{kind}-*.log"), key=_age_key)[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)
    return log_path


def read_pids(run_dir: Path) -> Pids | None:
    """Read the process ids that the watchdog wrote into the folder of a server.

    Args:
        run_dir: The folder, from `create_run_dir`.

    Returns:
        The process ids; None if the file does not exist yet, or is damaged.
    """
    try:
        record = json.loads((run_dir / "pids.json").read_text())
        return Pids(int(record["watchdog"]), int(record["server"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def sweep() -> None:
    """Kill the servers whose owner process has died, and remove their folders."""
    for run_dir in _runs().glob("*-*-*"):
        if _owner_lives(run_dir.name):
            continue
        pids = read_pids(run_dir)
        if pids:
            _kill(pids, run_dir)
        shutil.rmtree(run_dir, ignore_errors=True)


def _runs() -> Path:
    return cache_dir() / "run"


def _age_key(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _owner_lives(name: str) -> bool:
    pid, mark, _ = name.split("-", 2)
    try:
        return processes.find(int(pid), int(mark) / _TICKS_PER_S) is not None
    except ValueError:
        return False


def _start_mark(pid: int) -> int:
    """Return when a process started, in hundredths of a second; 0 if it has ended."""
    return round((processes.started(pid) or 0.0) * _TICKS_PER_S)


def _kill(pids: Pids, run_dir: Path) -> None:
    """Kill the watchdog and the server, if their command lines still contain their folder."""
    for pid, path in ((pids.watchdog, run_dir), (pids.server, run_dir / "config.yaml")):
        process = processes.find(pid, argument=str(path))
        if process is not None:
            with suppress(psutil.Error):
                process.kill()
