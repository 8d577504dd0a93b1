"""A process record finds and stops the process that it was made for, and no other."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from avatar_core import processes
from avatar_core.processes import ProcessRecord
from avatar_core.testing.children import ChildProcess

PATIENCE_S = 20.0
UNTIL_EOF = "import sys; sys.stdin.read()"
DEAF = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); "


class Recorded:
    """A child and its record."""

    def __init__(self, child: asyncio.subprocess.Process, nonce: str) -> None:
        self.child = child
        self.record = ProcessRecord.of(child.pid, nonce)

    @classmethod
    async def start(cls, program: str = UNTIL_EOF) -> Recorded:
        nonce = processes.new_nonce()
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
async def recorded() -> AsyncIterator[Recorded]:
    """A child that runs until the end of its stdin."""
    one = await Recorded.start()
    yield one
    await one.end()


async def test_record_finds_its_process_again(recorded: Recorded) -> None:
    read = ProcessRecord.read(recorded.record.state)
    assert read == recorded.record
    found = read.process()
    assert found is not None
    assert found.pid == recorded.child.pid


async def test_record_finds_no_process_that_has_ended(recorded: Recorded) -> None:
    await recorded.end()
    assert recorded.record.process() is None
    await recorded.record.exited()
    await recorded.record.stop()


def test_zombie_process_counts_as_ended() -> None:
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        assert processes.started(pid) is None
        assert processes.find(pid) is None
    finally:
        os.waitpid(pid, 0)


@pytest.mark.parametrize("differing", ["started", "nonce"])
async def test_record_does_not_match_a_later_process_with_the_same_pid(
    recorded: Recorded, differing: str
) -> None:
    record = recorded.record
    other = (
        ProcessRecord(record.pid, record.started - 1.0, record.nonce)
        if differing == "started"
        else ProcessRecord(record.pid, record.started, processes.new_nonce())
    )
    assert other.process() is None
    await other.stop()
    assert record.process() is not None
    assert await recorded.end() == 0


async def test_process_without_a_nonce_of_ours_is_not_found(recorded: Recorded) -> None:
    """A planted record may name any process with a word of its command line."""
    pid, started_s = recorded.record.pid, recorded.record.started
    for word in (UNTIL_EOF, "-c", sys.executable):
        other = ProcessRecord(pid, started_s, word)
        assert processes.find(pid, started_s, word) is not None
        assert other.process() is None
        await other.stop()
    assert recorded.record.process() is not None
    assert await recorded.end() == 0


async def test_start_time_nan_matches_no_process(recorded: Recorded) -> None:
    assert processes.find(recorded.record.pid, float("nan")) is None
    assert ProcessRecord(recorded.record.pid, float("nan"), recorded.record.nonce).process() is None


@pytest.mark.parametrize("pid", [0, -1, 2**31, 2**70])
def test_impossible_pid_matches_no_process(pid: int) -> None:
    assert processes.find(pid, 1.0) is None
    assert processes.runs(processes.place(), processes.boot(), pid, 1.0) is False


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"process": {"pid": float("inf"), "started": 1.0, "nonce": "n"}},
        {"process": None},
        {"process": {"pid": 1}},
        {"process": {"pid": "x", "started": 1.0, "nonce": "n"}},
        {"process": {"pid": 1, "started": None, "nonce": "n"}},
    ],
)
def test_read_returns_none_for_an_incomplete_record(state: dict[str, object]) -> None:
    assert ProcessRecord.read(state) is None


async def test_running_process_is_recognised_by_place_boot_and_start_time(
    recorded: Recorded,
) -> None:
    here, boot, pid = processes.place(), processes.boot(), recorded.child.pid
    started_s = processes.started(pid)
    assert started_s is not None
    assert processes.runs(here, boot, pid, started_s) is True
    assert processes.runs(here, boot, pid, started_s + 1.0) is False
    assert processes.runs(here, "another boot", pid, started_s) is False
    assert processes.runs("another machine", boot, pid, started_s) is None


async def test_stop_kills_a_process_that_ignores_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_S", 0.01)
    deaf = await Recorded.start(DEAF + UNTIL_EOF)
    assert deaf.child.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        await deaf.child.stdout.readline()
        await deaf.record.stop()
        assert await deaf.child.wait() == -9


async def test_stop_returns_if_the_process_ends_before_it_is_killed(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy loop handles the timeout before the end of the process."""

    async def sees_nothing(record: ProcessRecord) -> None:
        monkeypatch.undo()
        await recorded.child.wait()
        raise TimeoutError

    monkeypatch.setattr(ProcessRecord, "exited", sees_nothing)
    async with asyncio.timeout(PATIENCE_S):
        await recorded.record.stop()
    assert recorded.child.returncode == -15


async def test_stop_returns_if_the_process_ends_before_sigterm(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = psutil.Process(recorded.child.pid)
    await recorded.end()
    monkeypatch.setattr(ProcessRecord, "process", lambda _: process)
    await recorded.record.stop()


async def test_kill_ends_the_process_and_no_later_process_with_the_same_pid(
    recorded: Recorded,
) -> None:
    async with asyncio.timeout(PATIENCE_S):
        # Its command line appears a moment later.
        while recorded.record.process() is None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert recorded.record.kill() is True
        assert await recorded.child.wait() == -9
    assert recorded.record.kill() is False


async def test_child_that_ends_before_it_is_killed_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A busy loop handles the timeout before the end of the process."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", UNTIL_EOF, stdin=pipe, stdout=pipe
    )
    wait = process.wait

    async def times_out() -> int:
        monkeypatch.undo()
        await wait()
        raise TimeoutError

    monkeypatch.setattr(process, "wait", times_out)
    async with asyncio.timeout(PATIENCE_S):
        await ChildProcess(process).stop()
    assert process.returncode == 0
