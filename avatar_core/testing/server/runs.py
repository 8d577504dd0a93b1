"""One folder per run, named after its owner, and the sweep of what owners left behind."""

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

_PER_S = 100  # as ticks of Linux, so that a name holds a whole number of them


@dataclass(frozen=True, slots=True)
class Pids:
    """The two processes of a run."""

    watchdog: int
    server: int


def new_run_dir() -> Path:
    """A private folder `<pid>-<starttime>-<nonce>` for a run of this process."""
    pid = os.getpid()
    run_dir = _runs() / f"{pid}-{_start_mark(pid)}-{secrets.token_hex(4)}"
    _runs().mkdir(parents=True, exist_ok=True)
    run_dir.mkdir(mode=0o700)
    return run_dir


def new_log(kind: str, name: str) -> Path:
    """An empty log; it outlives what it is of, and only the newest of a kind are kept."""
    folder = cache_dir() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / f"{kind}-{name}.log"
    log_path.unlink(missing_ok=True)
    log_path.touch(mode=0o600)
    for old in sorted(folder.glob(f"{kind}-*.log"), key=_age_key)[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)
    return log_path


def read_pids(run_dir: Path) -> Pids | None:
    """Who runs there, as the watchdog wrote it."""
    try:
        record = json.loads((run_dir / "pids.json").read_text())
        return Pids(int(record["watchdog"]), int(record["server"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def sweep() -> None:
    """End the servers of owners that are gone, and remove their folders."""
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
        return processes.find(int(pid), int(mark) / _PER_S) is not None
    except ValueError:
        return False


def _start_mark(pid: int) -> int:
    """Return the start time of a process in hundredths of a second."""
    return round((processes.started(pid) or 0.0) * _PER_S)


def _kill(pids: Pids, run_dir: Path) -> None:
    """Kill the two processes; the run's folder on their command lines identifies them."""
    named = ((pids.watchdog, run_dir), (pids.server, run_dir / "config.yaml"))
    for pid, path in named:
        process = processes.find(pid, argument=str(path))
        if process is not None:
            with suppress(psutil.Error):
                process.kill()
