"""The leak check reports the tasks, processes and threads that a test has left behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Coroutine

import pytest

from avatar_core.testing import leak_check
from avatar_core.testing.leak_check import ProcessResources, find_leaks
from avatar_core.testing.server import DevServer


def leave_task(coroutine: Coroutine[None, None, object]) -> None:
    """Close an event loop while a task still runs in it."""
    tasks: list[asyncio.Task[object]] = []

    async def start_task() -> None:
        tasks.append(asyncio.create_task(coroutine, name="some task"))
        await asyncio.sleep(0)

    asyncio.run(start_task())
    assert tasks[0].cancelled()


def test_cancelled_task_of_our_code_is_reported() -> None:
    before = ProcessResources.read()
    leave_task(DevServer("wss://example.invalid", "key", "secret").wait_until_lost())
    assert find_leaks(before, native=False) == ["the task some task (DevServer.wait_until_lost)"]
    assert find_leaks(before, native=False) == []


def test_cancelled_task_of_other_code_is_not_reported() -> None:
    before = ProcessResources.read()
    leave_task(asyncio.Event().wait())
    assert find_leaks(before, native=False) == []


def test_running_process_and_thread_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leak_check, "GRACE_S", 0.0)
    before = ProcessResources.read()
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="some thread")
    thread.start()
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        leaks = find_leaks(before, native=False)
        process.kill()
    release.set()
    thread.join()
    assert [leak.split()[:3] for leak in leaks] == [
        ["the", "process", str(process.pid)],
        ["the", "thread", "some"],
    ]
