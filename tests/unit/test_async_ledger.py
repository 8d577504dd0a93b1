"""A ledger whose file system hangs: the event loop runs on, and waits have an end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avatar_core.cli import app
from avatar_core.cli.checks import Check, list_checks
from avatar_core.provisioning import async_ledger
from avatar_core.provisioning.async_ledger import AsyncLedger
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import ScriptedProvider

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0


def pending(key: str = "key") -> LedgerEntry:
    return LedgerEntry.pending("vendor", key, "room", "avatar")


class HangingDisk:
    """A file system on which nothing can be synchronised until it is released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._released = threading.Event()
        fsync = os.fsync

        def hang(descriptor: int) -> None:
            assert self._released.wait(PATIENCE_S)
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", hang)
        monkeypatch.setattr(async_ledger, "RESPONSE_S", 0.05)

    def release(self) -> None:
        self._released.set()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingDisk]:
    """A hanging disk, which is released after the test."""
    hanging = HangingDisk(monkeypatch)
    yield hanging
    hanging.release()
    for thread in threading.enumerate():
        if thread.name == "avatar-ledger":
            thread.join(PATIENCE_S)


async def test_event_loop_runs_while_the_disk_hangs(disk: HangingDisk, tmp_path: Path) -> None:
    ledger = AsyncLedger(Ledger(tmp_path))
    result = ledger.write(pending())
    await asyncio.sleep(0)
    assert not result.done()
    async with asyncio.timeout(PATIENCE_S):
        assert await result is False


async def test_hanging_disk_is_logged_once_and_delays_only_the_first_operation(
    disk: HangingDisk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = Ledger(tmp_path)
    ledger = AsyncLedger(folder)
    async with asyncio.timeout(PATIENCE_S):
        assert await ledger.write(pending()) is False
        monkeypatch.setattr(async_ledger, "RESPONSE_S", 2 * PATIENCE_S)
        assert await ledger.write(pending("another")) is False
        assert await ledger.read_all() == []
        assert await ledger.is_orphan(pending()) is False
        assert [await ledger.run("late", pytest.fail, "dropped") for _ in range(3)] == ["late"] * 3
        await ledger.flush()
    assert f"{tmp_path} did not respond within 0.05 s" in caplog.text
    assert caplog.text.count("did not respond") == 1
    assert "did not respond" in folder.problem


async def test_operations_end_in_their_order_once_the_disk_responds(
    disk: HangingDisk, tmp_path: Path
) -> None:
    ledger = AsyncLedger(Ledger(tmp_path))
    async with asyncio.timeout(PATIENCE_S):
        await ledger.write(pending())
        ledger.write(pending("second"))
        ledger.remove(pending())
        ledger.supersede(pending("second"), pending("never written"))
        disk.release()
        while not (read := await ledger.read_all()):  # noqa: ASYNC110 - a thread causes it
            await asyncio.sleep(0)
    assert [one.key for one in read] == ["second"]


async def test_cancelled_wait_does_not_skip_the_write(tmp_path: Path) -> None:
    ledger = AsyncLedger(Ledger(tmp_path))
    first = ledger.write(pending())
    second = ledger.write(pending("second"))
    second.cancel()
    async with asyncio.timeout(PATIENCE_S):
        assert await first is True
        assert {one.key for one in await ledger.read_all()} == {"key", "second"}


async def test_error_of_an_operation_reaches_the_caller(tmp_path: Path) -> None:
    def fail() -> int:
        raise ZeroDivisionError

    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(ZeroDivisionError):
            await AsyncLedger(Ledger(tmp_path)).run(0, fail)


@pytest.mark.virtual_time
async def test_avatar_joins_and_leaves_while_the_disk_hangs(
    disk: HangingDisk, tmp_path: Path
) -> None:
    room = MemoryRoom()
    provider = ScriptedProvider(room)
    harness = FailoverHarness(room, provider, ledger=tmp_path)
    async with asyncio.timeout(PATIENCE_S):
        await harness.controller.start()
        assert await harness.controller.wait_until_settled() is not None
        await harness.close()
    assert len(provider.released) == 1


@pytest.mark.virtual_time
async def test_fifo_in_the_ledger_delays_no_start(tmp_path: Path) -> None:
    await asyncio.to_thread(os.mkfifo, tmp_path / "planted.json", 0o600)
    room = MemoryRoom()
    harness = FailoverHarness(room, ScriptedProvider(room), ledger=tmp_path)
    async with asyncio.timeout(PATIENCE_S):
        await harness.controller.start()
        assert await harness.controller.wait_until_settled() is not None
        assert len(await harness.read_ledger()) == 1
        await harness.close()


async def test_doctor_reports_a_hanging_disk(
    disk: HangingDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_LEDGER", str(tmp_path))
    monkeypatch.setenv("AVATAR_PROVIDER", "voice")
    check: Check = next(one for one in list_checks() if one.name == "ledger")
    async with asyncio.timeout(PATIENCE_S):
        result = await check.run()
    assert result.status == "warning"
    assert "did not respond within" in result.message


def test_reap_of_a_hanging_disk_ends_with_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_LEDGER", str(tmp_path))
    monkeypatch.setattr(async_ledger, "RESPONSE_S", 0.05)
    released, scandir = threading.Event(), os.scandir

    def hang(path: Path) -> object:
        assert released.wait(PATIENCE_S)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", hang)
    result = CliRunner().invoke(app, ["reap"])
    released.set()
    assert result.exit_code == 2
    assert "did not respond within" in " ".join(result.output.split())


def test_process_exits_while_its_disk_hangs(tmp_path: Path) -> None:
    program = """
import asyncio, os, sys, threading
from pathlib import Path
from avatar_core.provisioning import async_ledger
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry
os.fsync = lambda _: threading.Event().wait()
async_ledger.RESPONSE_S = 0.05
async def main():
    ledger = async_ledger.AsyncLedger(Ledger(Path(sys.argv[1])))
    print(await ledger.write(LedgerEntry.pending("vendor", "key", "room", "avatar")))
asyncio.run(main())
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert done.stdout == "False\n"
