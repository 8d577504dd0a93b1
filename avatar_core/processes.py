"""Records of processes, which let any process of the same machine find and end them later."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import secrets
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
"""Half a tick of Linux, because a written start time may be rounded."""
STOP_S = 1.0
"""Seconds from SIGTERM to SIGKILL for a process that has not ended."""
POLL_S = 0.2
NONCE = re.compile(r"avatar-worker-[0-9a-f]{16}")
"""The form of the last word on the command line of a worker process. No other program has such a
word."""
STATE, START_TICKS = 0, 19
"""Fields of /proc/PID/stat, counted after the name."""


@cache
def place() -> str:
    """Return the name of the space in which the pids of this process are unique.

    Returns:
        The host name, and on Linux also the pid namespace.
    """
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return f"{socket.gethostname()} {space}".strip()


@cache
def boot() -> str:
    """Return the id of the current boot of the machine.

    Returns:
        The boot id of the Linux kernel; empty on other systems.
    """
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def started(pid: int) -> float | None:
    """Return the start time of a process.

    Args:
        pid: The process id.

    Returns:
        Seconds since the boot on Linux, where a change of the wall clock does not affect them, and
        Unix seconds on other systems; None if the process does not run or is a zombie.
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
    """Find a process that was recorded earlier, if it still runs.

    The pid alone is not enough, because the system can reuse it for another process.

    Args:
        pid: The process id.
        started_s: The value that `started` returned for the process; None if it was not recorded.
        argument: A word that the command line of the process must contain; None for any command
            line.

    Returns:
        The process; None if it has ended or cannot be read.
    """
    try:
        process = psutil.Process(pid)
        now_s = started(pid)
        if now_s is None:
            return None
        if started_s is not None and not abs(now_s - started_s) <= SAME_START_S:  # NaN is refused
            return None
        if argument is not None and argument not in process.cmdline():
            return None
    except (psutil.Error, ValueError, OverflowError):  # the last two: no pid is such a number
        return None
    return process


def runs(place_: str, boot_: str, pid: int, started_s: float) -> bool | None:
    """Return whether a recorded process still runs.

    Args:
        place_: The value that `place` returned in the process that wrote the record.
        boot_: The value that `boot` returned in the process that wrote the record.
        pid: The process id.
        started_s: The value that `started` returned for the process.

    Returns:
        Whether the process runs; None if this process cannot look it up, because the record was
        written on another host or in another pid namespace.
    """
    if place_ != place():
        return None
    return boot_ == boot() and find(pid, started_s) is not None


def new_nonce() -> str:
    """Make a random word for the command line of a worker process, which identifies the process.

    Returns:
        The word, in the form of `NONCE`.
    """
    return f"avatar-worker-{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A record of a child process: JSON-safe, without secrets.

    Attributes:
        pid: The process id.
        started: The value that the function `started` returned for the process, in seconds.
        nonce: The word of `new_nonce` on the command line of the process.
    """

    pid: int
    started: float
    nonce: str

    @classmethod
    def of(cls, pid: int, nonce: str) -> ProcessRecord:
        """Create the record of a child process that was started just now.

        Args:
            pid: The process id.
            nonce: The word of `new_nonce` on the command line of the process.

        Returns:
            The record.
        """
        return cls(pid, started(pid) or 0.0, nonce)

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> ProcessRecord | None:
        """Read a record from the `state` of a `ProvisionedAvatar`.

        Args:
            state: The state of the avatar, JSON-safe.

        Returns:
            The record; None if the state has no record or a malformed one.
        """
        try:
            fields = state["process"]
            return cls(int(fields["pid"]), float(fields["started"]), str(fields["nonce"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    @property
    def state(self) -> dict[str, Any]:
        """The record as a `ProvisionedAvatar.state`, JSON-safe."""
        return {"process": asdict(self)}

    def process(self) -> psutil.Process | None:
        """Find the recorded process.

        Returns:
            The process; None if it has ended, or is not a worker of avatar-core.
        """
        if NONCE.fullmatch(self.nonce) is None:
            return None
        return find(self.pid, self.started, self.nonce)

    def kill(self) -> bool:
        """Kill the process with SIGKILL and do not wait.

        Returns:
            Whether the process still ran.

        Raises:
            psutil.AccessDenied: The process belongs to another user.
        """
        process = self.process()
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return process is not None

    async def exited(self) -> None:
        """Wait until the process has ended.

        Linux reports the end through a pidfd. On other systems, the method polls every 0.2 s.
        """
        if sys.platform == "linux" and self.process() is not None:
            try:
                fd = os.pidfd_open(self.pid)
            except OSError:
                return
            loop, ended = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(fd, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(fd)
                os.close(fd)
        while self.process() is not None:  # noqa: ASYNC110 - no event there
            await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        """End the process with SIGTERM, and with SIGKILL if it still runs after 1 s; idempotent.

        Any process of the machine can call this method, not only the parent.

        Raises:
            psutil.AccessDenied: The process belongs to another user.
        """
        process = self.process()
        if process is None:
            return
        with suppress(psutil.NoSuchProcess):  # it may end by itself at any moment
            process.terminate()
            try:
                async with asyncio.timeout(STOP_S):
                    await self.exited()
            except TimeoutError:
                process.kill()
                await self.exited()


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies; no effect except on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
