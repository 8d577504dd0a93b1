"""What a test leaves behind that it should not: tasks, processes, threads, open files."""

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

OUR_TASKS = ("avatar", "clock of ", "transcript-throttle", "ffi-", "worker")
OUR_CODE = str(Path(__file__).parents[1] / "avatar_core")
MOST_FILES = 4
"""So many more open files are let pass: a library opens some at its first use."""
NATIVE_FILES = ("anon_inode:[eventpoll]", "anon_inode:[eventfd]", "/dev/", "/proc/", "/memfd:")
"""Kinds that the native runtime of livekit keeps for itself."""
HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
"""Processes that the standard library starts once and keeps."""
EXECUTOR = "asyncio_"
"""Threads of a loop, which it joins as it closes."""
ZOMBIE = f" {psutil.STATUS_ZOMBIE} "
TURNS = 3
GRACE_S = 2.0
STEP_S = 0.02

_cancelled: list[str] = []
_cancel_all_tasks: Callable[[asyncio.AbstractEventLoop], None] = runners._cancel_all_tasks  # type: ignore[attr-defined]


def _note_and_cancel(loop: asyncio.AbstractEventLoop) -> None:
    for _ in range(TURNS):  # a task that was just cancelled ends now
        loop.run_until_complete(asyncio.sleep(0))
    _cancelled.extend(
        f"{task.get_name()} ({getattr(task.get_coro(), '__qualname__', '')})"
        for task in asyncio.all_tasks(loop)
        if _is_ours(task)
    )
    _cancel_all_tasks(loop)


def watch_loops() -> None:
    """Note what every `asyncio.Runner` has to cancel as it closes, ours and pytest's."""
    runners._cancel_all_tasks = _note_and_cancel  # type: ignore[attr-defined]


def _is_ours(task: asyncio.Task[object]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    in_our_code = code is not None and code.co_filename.startswith(OUR_CODE)
    return in_our_code or task.get_name().startswith(OUR_TASKS)


@dataclass(frozen=True)
class Belongings:
    """What this process holds at a moment.

    Attributes:
        children: Process ids.
        threads: Those that would keep the process alive.
        files: Open files by descriptor, as what the kernel calls them.
    """

    children: frozenset[int]
    threads: frozenset[threading.Thread]
    files: dict[str, str]

    @classmethod
    def now(cls) -> Belongings:
        """Look; about 1 ms."""
        return cls(
            children=children(),
            threads=frozenset(
                thread
                for thread in threading.enumerate()
                if not thread.daemon and not thread.name.startswith(EXECUTOR)
            ),
            files=_files(),
        )

    def added_since(self, before: Belongings, *, native: bool) -> list[str]:
        """What is held now and was not before; sockets of the native runtime apart."""
        processes = [_told(pid) for pid in self.children - before.children]
        left = [f"the process {told}" for told in processes if told]
        left += [f"the thread {thread.name}" for thread in self.threads - before.threads]
        new = sorted(
            what
            for fd, what in self.files.items()
            if before.files.get(fd) != what and not (native and what.startswith("socket:"))
        )
        if len(new) > MOST_FILES and len(self.files) > len(before.files):
            left.append(f"{len(new)} open files, among {', '.join(new[:12])}")
        return left


def left_since(before: Belongings, *, native: bool) -> list[str]:
    """What a test left behind; what ends by itself within 2 s is none of it.

    Args:
        before: Taken before it began.
        native: Whether the native runtime of livekit was used, which keeps sockets for later.
    """
    tasks = [f"the task {name}" for name in _cancelled]
    _cancelled.clear()
    left = Belongings.now().added_since(before, native=native)
    if left:
        gc.collect()
    until = time.monotonic() + GRACE_S
    while left and time.monotonic() < until:
        time.sleep(STEP_S)
        left = Belongings.now().added_since(before, native=native)
    return tasks + left


def children() -> frozenset[int]:
    """Processes of this one, without a walk through all of the machine, which takes 20 ms."""
    found: set[int] = set()
    for thread in os.listdir("/proc/self/task"):
        with suppress(OSError):
            found.update(map(int, Path(f"/proc/self/task/{thread}/children").read_text().split()))
    return frozenset(found)


def running_since(before: frozenset[int]) -> list[str]:
    """Processes that were started and still run, at this very moment."""
    found = [_told(pid) for pid in children() - before]
    return [told for told in found if told and ZOMBIE not in told]


def _told(pid: int) -> str:
    """A process for a message, empty if it is none that a test could end."""
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
            what = os.readlink(f"/proc/self/fd/{fd}")
            if not what.startswith(NATIVE_FILES):
                found[fd] = what
    return found
