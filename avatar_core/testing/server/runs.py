"""One folder per run, named after its owner, and the sweep of what owners left behind."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from avatar_core.testing.server.find import cache_dir

KEPT_LOGS = 20

_START_TICKS = 19  # of the fields of /proc/PID/stat after the name


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
    pid, started, _ = name.split("-", 2)
    try:
        alive = psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE
        return alive and _start_mark(int(pid)) == int(started)
    except (psutil.Error, ValueError):
        return False


def _start_mark(pid: int) -> int:
    """When a process started, in ticks since boot where those can be read.

    A start time as psutil tells it moves when the wall clock is set.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return int(psutil.Process(pid).create_time())
    return int(stat.rpartition(")")[2].split()[_START_TICKS])


def _kill(pids: Pids, run_dir: Path) -> None:
    """Kill those of the two that live: the run's name in their arguments is unique."""
    for pid in (pids.watchdog, pids.server):
        try:
            process = psutil.Process(pid)
            if any(str(run_dir) in word for word in process.cmdline()):
                process.kill()
        except psutil.Error:
            continue
