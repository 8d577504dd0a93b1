"""Processes that a test did not start itself: when they die, and that they do."""

from __future__ import annotations

import os
import select
import signal

import psutil


class Death:
    """Tells when a process dies, reaped or not; ends it at the latest with the test."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.fd = os.pidfd_open(pid)

    def within(self, timeout_s: float) -> bool:
        return bool(select.select([self.fd], [], [], timeout_s)[0])

    def kill(self, number: int = signal.SIGKILL) -> None:
        signal.pidfd_send_signal(self.fd, number)

    def close(self) -> None:
        if not self.within(0):
            self.kill()
        os.close(self.fd)


def family(pid: int) -> dict[str, Death]:
    """A process and all it has started, the servers of its watchdogs among them."""
    process = psutil.Process(pid)
    members: dict[str, Death] = {}
    for member in (process, *process.children(recursive=True)):
        try:
            members[f"{member.pid} {' '.join(member.cmdline())[:80]}"] = Death(member.pid)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return members
