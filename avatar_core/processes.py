"""Which process: so that any other of its machine finds out whether it still runs."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

SLACK_S = 1.5
"""Two readings of one start time differ by no more: the kernel tells it in whole seconds."""


@cache
def place() -> str:
    """Where pids mean what they mean here: this machine, and in it this container."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return f"{socket.gethostname()} {space}".strip()


@cache
def boot() -> str:
    """Of this machine, one of many; empty where it has no name."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def started(pid: int) -> float | None:
    """When a process began, in seconds that no clock's change moves; None where there is none."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        began = process.create_time()  # on Linux the ticks since the boot, and its time as of now
        return began - psutil.boot_time() if sys.platform == "linux" else began
    except psutil.Error:
        return None


def runs(place_: str, boot_: str, pid: int, started_: float) -> bool | None:
    """Whether a process still runs; None where nobody here can say."""
    if place_ != place():
        return None
    now = started(pid)
    return boot_ == boot() and now is not None and abs(now - started_) < SLACK_S
