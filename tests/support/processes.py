"""Handles for processes that a test did not start itself."""

from __future__ import annotations

import os
import select
import signal

import psutil


class ProcessHandle:
    """A process that the test waits for and may kill; `close` kills it if it still runs.

    The handle is a pidfd, so it also works for a zombie, and never refers to another process
    that was given the same number later.

    Args:
        pid: Id of a running process.

    Attributes:
        pid: Id of the process.
        fd: The pidfd.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.fd = os.pidfd_open(pid)

    def exits_within(self, timeout_s: float) -> bool:
        """Wait until the process has ended, or the time has passed.

        Args:
            timeout_s: Seconds to wait.

        Returns:
            Whether the process has ended.
        """
        return bool(select.select([self.fd], [], [], timeout_s)[0])

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the process.

        Args:
            number: The number of the signal.
        """
        signal.pidfd_send_signal(self.fd, number)

    def close(self) -> None:
        """Kill the process if it still runs, and close the handle."""
        if not self.exits_within(0):
            self.kill()
        os.close(self.fd)


def open_process_tree(pid: int) -> dict[str, ProcessHandle]:
    """Open handles for a process and all its descendants, by id and command line.

    Args:
        pid: Id of the process at the root.

    Returns:
        The handles.
    """
    process = psutil.Process(pid)
    members: dict[str, ProcessHandle] = {}
    for member in (process, *process.children(recursive=True)):
        try:
            members[f"{member.pid} {' '.join(member.cmdline())[:80]}"] = ProcessHandle(member.pid)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return members
