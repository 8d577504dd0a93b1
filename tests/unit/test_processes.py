"""A process that was noted is found again, and no other is taken for it."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from avatar_core import processes
from avatar_core.processes import ProcessRecord

PATIENCE_S = 20.0
UNTIL_EOF = "import sys; sys.stdin.read()"
DEAF = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); "


class Noted:
    """A child and its record."""

    def __init__(self, child: asyncio.subprocess.Process, nonce: str) -> None:
        self.child = child
        self.record = ProcessRecord.of(child.pid, nonce)

    @classmethod
    async def start(cls, program: str = UNTIL_EOF) -> Noted:
        nonce = secrets.token_hex(8)
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", program, nonce, stdin=pipe, stdout=pipe
            ),
            nonce,
        )

    async def end(self) -> int:
        """Let it end; its exit code."""
        assert self.child.stdin is not None
        self.child.stdin.close()
        return await self.child.wait()


@pytest_asyncio.fixture
async def noted() -> AsyncIterator[Noted]:
    """A child that runs until the end of its stdin."""
    one = await Noted.start()
    yield one
    await one.end()


async def test_a_record_finds_its_process_again(noted: Noted) -> None:
    read = ProcessRecord.read(noted.record.state)
    assert read == noted.record
    found = read.process()
    assert found is not None
    assert found.pid == noted.child.pid


async def test_a_process_that_has_ended_is_not_found(noted: Noted) -> None:
    await noted.end()
    assert noted.record.process() is None
    await noted.record.exited()
    await noted.record.stop()


def test_a_zombie_has_ended() -> None:
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        assert processes.started(pid) is None
        assert processes.find(pid) is None
    finally:
        os.waitpid(pid, 0)


@pytest.mark.parametrize("change", ["started", "nonce"])
async def test_a_process_that_got_the_same_pid_later_is_another(noted: Noted, change: str) -> None:
    record = noted.record
    other = (
        ProcessRecord(record.pid, record.started - 1.0, record.nonce)
        if change == "started"
        else ProcessRecord(record.pid, record.started, "another")
    )
    assert other.process() is None
    await other.stop()
    assert record.process() is not None
    assert await noted.end() == 0


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"process": None},
        {"process": {"pid": 1}},
        {"process": {"pid": "x", "started": 1.0, "nonce": "n"}},
        {"process": {"pid": 1, "started": None, "nonce": "n"}},
    ],
)
def test_a_state_without_a_whole_record_has_none(state: dict[str, object]) -> None:
    assert ProcessRecord.read(state) is None


async def test_a_noted_process_runs_only_where_and_when_it_was_noted(noted: Noted) -> None:
    here, boot, pid = processes.place(), processes.boot(), noted.child.pid
    started_s = processes.started(pid)
    assert started_s is not None
    assert processes.runs(here, boot, pid, started_s) is True
    assert processes.runs(here, boot, pid, started_s + 1.0) is False
    assert processes.runs(here, "another boot", pid, started_s) is False
    assert processes.runs("another machine", boot, pid, started_s) is None


async def test_a_process_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_S", 0.01)
    deaf = await Noted.start(DEAF + UNTIL_EOF)
    assert deaf.child.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        await deaf.child.stdout.readline()
        await deaf.record.stop()
        assert await deaf.child.wait() == -9


async def test_one_that_is_gone_when_it_would_be_killed_is_stopped(
    noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy loop sees the end of its patience before it sees the end of the process."""

    async def sees_nothing(record: ProcessRecord) -> None:
        monkeypatch.undo()
        await noted.child.wait()
        raise TimeoutError

    monkeypatch.setattr(ProcessRecord, "exited", sees_nothing)
    async with asyncio.timeout(PATIENCE_S):
        await noted.record.stop()
    assert noted.child.returncode == -15


async def test_one_that_ends_between_two_lines_is_stopped(
    noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = psutil.Process(noted.child.pid)
    await noted.end()
    monkeypatch.setattr(ProcessRecord, "process", lambda _: process)
    await noted.record.stop()
