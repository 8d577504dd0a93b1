"""Finds tasks, processes, threads and open files that a test did not end or close."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from asyncio import runners
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

OUR_TASKS = ("avatar", "clock of ", "transcript", "ffi-", "worker")
OUR_CODE = str(Path(__file__).parents[1])
MOST_FILES = 4
"""Number of new open files that are tolerated: libraries open some at their first use."""
NATIVE_FILES = ("anon_inode:[eventpoll]", "anon_inode:[eventfd]", "/dev/", "/proc/", "/memfd:")
"""Files that the native runtime of livekit keeps open."""
HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
"""Processes that the standard library starts once and keeps."""
EXECUTOR = "asyncio_"
"""Prefix of the names of an event loop's executor threads, which the loop joins as it closes."""
ZOMBIE = f" {psutil.STATUS_ZOMBIE} "
ITERATIONS = 3
GRACE_S = 2.0
STEP_S = 0.02

_cancelled: list[str] = []
_cancel_all_tasks: Callable[[asyncio.AbstractEventLoop], None] = runners._cancel_all_tasks  # type: ignore[attr-defined]


def _record_and_cancel(loop: asyncio.AbstractEventLoop) -> None:
    for _ in range(ITERATIONS):  # lets tasks end that have just been cancelled
        loop.run_until_complete(asyncio.sleep(0))
    _cancelled.extend(
        f"{task.get_name()} ({getattr(task.get_coro(), '__qualname__', '')})"
        for task in asyncio.all_tasks(loop)
        if _is_ours(task)
    )
    _cancel_all_tasks(loop)


def record_cancelled_tasks() -> None:
    """Record the tasks of avatar-core that an `asyncio.Runner` cancels when it closes.

    `find_leaks` returns these tasks. The function replaces a private function of asyncio in the
    whole process, so that it also affects pytest's own runners.
    """
    runners._cancel_all_tasks = _record_and_cancel  # type: ignore[attr-defined]


def _is_ours(task: asyncio.Task[object]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    in_our_code = code is not None and code.co_filename.startswith(OUR_CODE)
    return in_our_code or task.get_name().startswith(OUR_TASKS)


@dataclass(frozen=True)
class ProcessResources:
    """The child processes, threads and open files of this process at one moment.

    Attributes:
        children: Process ids of the children.
        threads: Threads that would keep this process alive.
        files: Open files: the target of each descriptor in /proc/self/fd, by descriptor.
    """

    children: frozenset[int]
    threads: frozenset[threading.Thread]
    files: dict[str, str]

    @classmethod
    def read(cls) -> ProcessResources:
        """Read the current resources of this process; takes about 1 ms.

        Returns:
            The resources.

        Raises:
            OSError: The system has no /proc.
        """
        return cls(
            children=child_pids(),
            threads=frozenset(
                thread
                for thread in threading.enumerate()
                if not thread.daemon and not thread.name.startswith(EXECUTOR)
            ),
            files=_files(),
        )

    def added_since(self, before: ProcessResources, *, native: bool) -> list[str]:
        """Describe the resources that are in `self` but not in an earlier reading.

        Args:
            before: The resources at an earlier time.
            native: Whether to ignore new sockets, because the test used the native runtime of
                livekit.

        Returns:
            One phrase for each process and thread, and one phrase for all files if more than
            `MOST_FILES` are new.
        """
        processes = [_describe(pid) for pid in self.children - before.children]
        added = [f"the process {process}" for process in processes if process]
        added += [f"the thread {thread.name}" for thread in self.threads - before.threads]
        new = sorted(
            target
            for fd, target in self.files.items()
            if before.files.get(fd) != target and not (native and target.startswith("socket:"))
        )
        if len(new) > MOST_FILES and len(self.files) > len(before.files):
            added.append(f"{len(new)} open files, among them {', '.join(new[:12])}")
        return added


def find_leaks(before: ProcessResources, *, native: bool) -> list[str]:
    """Find the resources that a test did not free; wait up to 2 s for them to end by themselves.

    Args:
        before: The resources before the test began.
        native: Whether the test used the native runtime of livekit, which keeps sockets open.

    Returns:
        One phrase for each leak: tasks that a closing event loop had to cancel, processes, threads,
        and open files.

    Raises:
        OSError: The system has no /proc.
    """
    tasks = [f"the task {name}" for name in _cancelled]
    _cancelled.clear()
    added = ProcessResources.read().added_since(before, native=native)
    if added:
        gc.collect()
    until = time.monotonic() + GRACE_S
    while added and time.monotonic() < until:
        time.sleep(STEP_S)
        added = ProcessResources.read().added_since(before, native=native)
    return tasks + added


def child_pids() -> frozenset[int]:
    """Return the process ids of the children of this process.

    The function reads /proc/self only. psutil would read all processes of the machine, which takes
    20 ms.

    Returns:
        The process ids.

    Raises:
        OSError: The system has no /proc.
    """
    found: set[int] = set()
    for thread in os.listdir("/proc/self/task"):
        with suppress(OSError):
            found.update(map(int, Path(f"/proc/self/task/{thread}/children").read_text().split()))
    return frozenset(found)


def find_new_children(before: frozenset[int]) -> list[str]:
    """Describe the child processes that run now and did not run before.

    Args:
        before: The process ids of the earlier children, from `child_pids`.

    Returns:
        Process id, status and command line of each new child that is not a zombie.

    Raises:
        OSError: The system has no /proc.
    """
    found = [_describe(pid) for pid in child_pids() - before]
    return [process for process in found if process and ZOMBIE not in process]


def _describe(pid: int) -> str:
    """Return id, status and command line of a process; empty for a helper or an ended process."""
    try:
        process = psutil.Process(pid)
        command = " ".join(process.cmdline())
        if any(helper in command for helper in HELPERS):
            return ""
        return f"{pid} {process.status()} {command[:80]}"
    except psutil.NoSuchProcess:
        return ""


def _files() -> dict[str, str]:
    found: dict[str, str] = {}
    for fd in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{fd}")
            if not target.startswith(NATIVE_FILES):
                found[fd] = target
    return found
