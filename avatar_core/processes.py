"""Processes that others find again: which one is meant, whether it still runs, and its end."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

PR_SET_PDEATHSIG = 1
SAME_START_S = 0.005
"""Half a tick of Linux: a start time that was written down may have been rounded."""
STOP_S = 1.0
"""A process that has not ended so long after SIGTERM is killed."""
POLL_S = 0.2
STATE, START_TICKS = 0, 19
"""Fields of /proc/PID/stat, counted after the name."""


@cache
def place() -> str:
    """Where pids mean what they mean here: this machine, and in it this container."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return f"{socket.gethostname()} {space}".strip()


@cache
def boot() -> str:
    """An id of this boot of the machine; empty where the system has none."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def started(pid: int) -> float | None:
    """When a process began.

    Returns:
        Seconds since the boot on Linux, where no change of the wall clock moves them, and Unix
        seconds elsewhere; None where no such process runs.
    """
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()
        if fields[STATE] in "ZX":
            return None
        return int(fields[START_TICKS]) / os.sysconf("SC_CLK_TCK")
    else:  # noqa: RET505 - type checkers look at one of the two
        try:
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
        except psutil.Error:
            return None


def find(
    pid: int, started_s: float | None = None, argument: str | None = None
) -> psutil.Process | None:
    """The process that was noted earlier, if it still runs.

    A pid alone does not tell, because the system gives it to another process later.

    Args:
        pid: Its id.
        started_s: What `started` said of it; None where that was not noted.
        argument: A word of its command line; None where any will do.

    Returns:
        The process, None once it is gone.
    """
    try:
        process = psutil.Process(pid)
        now_s = started(pid)
        if now_s is None or (started_s is not None and abs(now_s - started_s) > SAME_START_S):
            return None
        if argument is not None and argument not in process.cmdline():
            return None
    except psutil.Error:
        return None
    return process


def runs(place_: str, boot_: str, pid: int, started_s: float) -> bool | None:
    """Whether a process of any machine still runs; None where nobody here can say."""
    if place_ != place():
        return None
    return boot_ == boot() and find(pid, started_s) is not None


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A child process as any process of its machine finds it again: JSON-safe, no secrets.

    Attributes:
        pid: Its id.
        started: What `started` said of it, seconds.
        nonce: A word of its command line that no other process has.
    """

    pid: int
    started: float
    nonce: str

    @classmethod
    def of(cls, pid: int, nonce: str) -> ProcessRecord:
        """The record of a child that was just started."""
        return cls(pid, started(pid) or 0.0, nonce)

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> ProcessRecord | None:
        """The record in a `ProvisionedAvatar.state`, if it holds one."""
        try:
            fields = state["process"]
            return cls(int(fields["pid"]), float(fields["started"]), str(fields["nonce"]))
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def state(self) -> dict[str, Any]:
        """For a `ProvisionedAvatar.state`."""
        return {"process": asdict(self)}

    def process(self) -> psutil.Process | None:
        """The running process, None once it is gone."""
        return find(self.pid, self.started, self.nonce)

    async def exited(self) -> None:
        """Return once the process is gone, at once where the system tells (Linux)."""
        if sys.platform == "linux" and self.process() is not None:
            try:
                fd = os.pidfd_open(self.pid)
            except OSError:
                return
            loop, gone = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(fd, gone.set)
            try:
                await gone.wait()
            finally:
                loop.remove_reader(fd)
                os.close(fd)
        while self.process() is not None:  # noqa: ASYNC110 - other systems do not tell
            await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        """End the process: TERM, and KILL after a second; idempotent, from any process."""
        process = self.process()
        if process is None:
            return
        with suppress(psutil.NoSuchProcess):  # it may exit by itself between any two lines
            process.terminate()
            try:
                async with asyncio.timeout(STOP_S):
                    await self.exited()
            except TimeoutError:
                process.kill()
                await self.exited()


def die_with_parent() -> None:
    """Let the kernel end this process when its parent dies, even by SIGKILL (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
