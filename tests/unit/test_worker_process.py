"""The output of a worker process: its parent forwards it at once, and reports why it died."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avatar_core.contracts.errors import WorkerError
from avatar_core.processes import ProcessRecord
from avatar_core.testing.leak_check import child_pids, find_new_children
from avatar_core.worker import process as host
from tests.support.processes import ProcessHandle

MUCH = 300_000
PATIENCE_S = 20.0
READY = 'import sys\nsys.stdin.readline()\nprint("\\nREADY", flush=True)\n'
HEIR = """
import subprocess, sys
heir = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"])
print("heir", heir.pid, flush=True)
"""
"""Starts a process that keeps the pipes of the worker open until its own stdin ends."""

Child = Callable[[str], None]


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Child:
    """Makes a program the worker."""

    def be(program: str) -> None:
        (tmp_path / "a_child.py").write_text(program)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return be


async def start() -> Any:
    return await host.start_process(
        "a_child", renderer="any:Renderer", livekit_url="ws://none", token="t0ken"
    )


def closed() -> io.TextIOBase:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stderr", [None, closed(), io.StringIO()], ids=["none", "closed", "text"])
async def test_worker_output_is_read_even_if_it_cannot_be_forwarded(
    child: Child, monkeypatch: pytest.MonkeyPatch, stderr: Any
) -> None:
    child(READY + f'sys.stderr.write("x" * {MUCH} + "ä")')
    monkeypatch.setattr(sys, "stderr", stderr)
    async with asyncio.timeout(PATIENCE_S):
        state = await start()
        await host.worker_exited(state)
        await host.stop_worker(state)
    if stderr is not None and not stderr.closed:
        assert stderr.getvalue() == "x" * MUCH + "ä"


async def test_warning_of_a_worker_is_forwarded_at_once(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    child(READY + 'sys.stderr.write("the face is out of memory\\n")\nsys.stdin.read()')
    reading, writing = os.pipe()
    seen = asyncio.Event()
    asyncio.get_running_loop().add_reader(reading, seen.set)
    with os.fdopen(reading, "rb"), io.TextIOWrapper(os.fdopen(writing, "wb")) as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        async with asyncio.timeout(PATIENCE_S):
            state = await start()
            await seen.wait()
        asyncio.get_running_loop().remove_reader(reading)
        assert os.read(reading, MUCH) == b"the face is out of memory\n"
        await host.stop_worker(state)


async def test_error_of_a_dead_worker_is_short_and_holds_no_token(
    child: Child,
) -> None:
    child(f'import sys\nsys.exit("x" * {MUCH} + " t0ken\\nits model is missing")')
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(WorkerError) as raised:
            await start()
    assert "<token>\n  its model is missing\n" in str(raised.value)
    assert "t0ken" not in str(raised.value)
    assert len(str(raised.value)) < 1200


async def test_ready_is_recognised_after_an_unfinished_line(child: Child) -> None:
    bar = f'sys.stderr.write("x" * {MUCH})\nsys.stderr.flush()\n'
    child(READY.replace("print", bar + "print") + "sys.stdin.read()")
    async with asyncio.timeout(PATIENCE_S):
        await host.stop_worker(await start())


async def test_start_that_is_cancelled_twice_returns_after_its_process_has_ended(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, stopping, let_it_stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
    stop = ProcessRecord.stop

    async def never_ready(*_: object) -> bytes:
        waiting.set()
        return await asyncio.Future()

    async def slowly(record: ProcessRecord) -> None:
        stopping.set()
        await let_it_stop.wait()
        await stop(record)

    monkeypatch.setattr(host, "_until_ready", never_ready)
    monkeypatch.setattr(ProcessRecord, "stop", slowly)
    child("import sys\nsys.stdin.readlines()")
    before = child_pids()
    starting = asyncio.create_task(start())
    async with asyncio.timeout(PATIENCE_S):
        await waiting.wait()
        starting.cancel()
        await stopping.wait()
        for _ in range(5):
            starting.cancel()
            await asyncio.sleep(0)
        assert not starting.done()
        let_it_stop.set()
        await asyncio.wait((starting,))
    assert starting.cancelled()
    assert find_new_children(before) == []


def heir_of(said: str) -> ProcessHandle:
    """Find the process that a worker has started, by the pid in its output."""
    return ProcessHandle(int(said.partition("heir ")[2].split()[0]))


class Heard(io.StringIO):
    """A stderr with an event for the first whole line."""

    def __init__(self) -> None:
        super().__init__()
        self.line = asyncio.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.getvalue().lstrip().endswith("\n"):
            self.line.set()
        return written


async def test_stop_returns_even_if_a_child_of_the_worker_holds_its_pipes(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    child(READY + HEIR + "sys.stdin.read()")
    heard = Heard()
    monkeypatch.setattr(sys, "stderr", heard)
    monkeypatch.setattr(host, "STOP_S", 0.01)
    async with asyncio.timeout(PATIENCE_S):
        state = await start()
        await heard.line.wait()
        heir = heir_of(heard.getvalue())
        assert not heir.exits_within(0)
        await host.stop_worker(state)
    assert host._children == {}
    assert heir.exits_within(PATIENCE_S)
    heir.close()


async def test_cancelled_start_ends_even_if_a_child_holds_the_pipes(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = asyncio.get_running_loop().create_future()

    async def never_ready(process: asyncio.subprocess.Process, _: str) -> bytes:
        assert process.stdout is not None
        said.set_result((await process.stdout.readline()).decode())
        return await asyncio.Future()

    monkeypatch.setattr(host, "_until_ready", never_ready)
    child(HEIR + "sys.stdin.read()")
    starting = asyncio.create_task(start())
    async with asyncio.timeout(PATIENCE_S):
        heir = heir_of(await said)
        starting.cancel()
        await asyncio.wait((starting,))
    assert starting.cancelled()
    assert heir.exits_within(PATIENCE_S)
    heir.close()


async def test_stop_awaits_the_output_of_a_worker_that_exits_before_the_kill(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timeout comes first, and the process has ended before it is killed."""
    child(READY + "sys.stdin.read()")

    async def sees_nothing(_: ProcessRecord) -> None:
        monkeypatch.undo()
        await asyncio.wait({running.drain})
        raise TimeoutError

    async with asyncio.timeout(PATIENCE_S):
        state = await start()
        (running,) = host._children.values()
        monkeypatch.setattr(ProcessRecord, "exited", sees_nothing)
        await host.stop_worker(state)
    assert running.drain.done()
    assert host._children == {}


async def test_failed_worker_does_not_show_the_key_of_the_room(child: Child) -> None:
    child("import sys; config = sys.stdin.readline(); print(config); sys.exit('a canary key')")
    key = b64encode(b"a canary key").decode()
    with pytest.raises(WorkerError) as caught:
        await host.start_process(
            "a_child",
            renderer="any:Renderer",
            livekit_url="ws://none",
            token="t0ken",
            encryption={"shared_key": key},
        )
    assert key not in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "<key>" in str(caught.value)
