"""Worker processes: one child for each avatar, which no parent and no killer leaves behind."""

from __future__ import annotations

import asyncio
import codecs
import json
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from avatar_core.contracts.errors import WorkerError
from avatar_core.processes import STOP_S, ProcessRecord
from avatar_core.worker import in_process

READY = b"\nREADY\n"
BLOCK = 65536
TAIL_LINES = 12
LONGEST_LINE = 800


@dataclass(frozen=True, slots=True)
class _Child:
    """A child of ours, and the task that reads what it says."""

    process: asyncio.subprocess.Process
    drain: asyncio.Task[None]


_children: dict[str, _Child] = {}
"""By nonce. Each holds the pipe of a child, whose end would end the child."""


async def start_process(
    entry: str,
    *,
    renderer: str,
    livekit_url: str,
    token: str,
    options: Mapping[str, Any] | None = None,
    **more: Any,
) -> Mapping[str, Any]:
    """Start a worker process. Its token goes through a pipe.

    Args:
        entry: The module that the process runs. It reads one line of JSON from stdin, writes
            `READY` on a line of its own once it serves, and ends at the end of stdin.
        renderer: `package.module:Class` of a `Renderer`.
        livekit_url: The server of its room.
        token: The token it joins with.
        options: Keyword arguments of the renderer, JSON-safe.
        more: What else that module reads from the same line, JSON-safe.

    Returns:
        The record of the process, once it serves.

    Raises:
        WorkerError: It cannot be started or dies before it is ready; its last words are
            in the message.
    """
    nonce = secrets.token_hex(8)
    config = {
        **more,
        "renderer": renderer,
        "options": dict(options or {}),
        "livekit_url": livekit_url,
        "token": token,
    }
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            entry,
            nonce,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise WorkerError(f"no worker process can be started ({error}).") from error
    record = ProcessRecord.of(child.pid, nonce)
    assert child.stdin is not None
    try:
        child.stdin.write(json.dumps(config).encode() + b"\n")
        await child.stdin.drain()
        said = await _until_ready(child, token)
    except BaseException as error:
        await _to_its_end(asyncio.ensure_future(_discard(child, record)))
        if isinstance(error, ConnectionError):
            raise WorkerError("the worker process died as it started.") from error
        raise
    drain = asyncio.create_task(_drain(child, said), name=f"worker {child.pid}")
    _children[nonce] = _Child(child, drain)
    drain.add_done_callback(lambda _: _children.pop(nonce, None))
    return record.state


async def stop_worker(state: Mapping[str, Any]) -> None:
    """End the worker of a record, process or task; idempotent."""
    record = ProcessRecord.read(state)
    if record is None:
        await in_process.stop(state)
        return
    await record.stop()
    child = _children.get(record.nonce)
    if child is not None and child.drain.get_loop() is asyncio.get_running_loop():
        await asyncio.wait({child.drain}, timeout=STOP_S)
        _close_pipes(child.process)
        await asyncio.wait({child.drain})


async def worker_exited(state: Mapping[str, Any]) -> str:
    """Return why, once the worker of a record is gone."""
    if record := ProcessRecord.read(state):
        await record.exited()
    else:
        await in_process.exited(state)
    return "its worker exited"


async def _discard(child: asyncio.subprocess.Process, record: ProcessRecord) -> None:
    """End a child that did not become a worker."""
    await record.stop()
    _close_pipes(child)
    await child.wait()


def _close_pipes(child: asyncio.subprocess.Process) -> None:
    """Close our ends, for a process that the child has started may hold the others open.

    Without it neither its output nor `child.wait` would end.
    """
    transport: Any = child._transport  # type: ignore[attr-defined] # there is no public way
    for fd in (0, 1):
        if (pipe := transport.get_pipe_transport(fd)) is not None:
            pipe.close()


async def _to_its_end(work: asyncio.Future[Any]) -> None:
    """Wait for it, however often this is cancelled meanwhile.

    Raises:
        CancelledError: It was; the work is done.
    """
    cancelled = None
    while not work.done():
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _until_ready(child: asyncio.subprocess.Process, token: str) -> bytes:
    """Wait until it says so; returns what it has said since."""
    assert child.stdout is not None
    said = b"\n"
    while block := await child.stdout.read(BLOCK):
        said = (said + block).replace(token.encode(), b"<token>")
        _, ready, since = said.partition(READY)
        if ready:
            return since
        said = said[-BLOCK:]
    words = [_short(line) for line in said.decode(errors="replace").strip().splitlines()]
    last = "\n  ".join(words[-TAIL_LINES:]) or "(it said nothing)"
    raise WorkerError(
        f"the worker process died as it started. It said:\n  {last}\n",
        hint="Mend what it names, then start again.",
    )


def _short(line: str) -> str:
    half = LONGEST_LINE // 2
    return line if len(line) <= LONGEST_LINE else f"{line[:half]} ... {line[-half:]}"


async def _drain(child: asyncio.subprocess.Process, said: bytes) -> None:
    """Pass on what it says, as it says it; whatever becomes of that, its pipe is kept empty."""
    assert child.stdout is not None
    text = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while said := said or await child.stdout.read(BLOCK):
        with suppress(Exception):  # stderr may be None, closed, or full
            sys.stderr.write(text.decode(said))
            sys.stderr.flush()
        said = b""
    await child.wait()
