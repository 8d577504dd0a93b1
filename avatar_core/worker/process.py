"""Worker processes: one child process for each avatar, which ends with its parent."""

from __future__ import annotations

import asyncio
import codecs
import json
import sys
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from avatar_core.contracts.errors import WorkerError
from avatar_core.processes import STOP_S, ProcessRecord, new_nonce
from avatar_core.worker import in_process
from avatar_core.worker.environment import worker_environment

READY = b"\nREADY\n"
BLOCK = 65536
TAIL_LINES = 12
LONGEST_LINE = 800
SHORTEST_SECRET = 4
"""Bytes of the shortest secret that is replaced in the output of a worker process."""


@dataclass(frozen=True, slots=True)
class _Child:
    """A child process, and the task that reads its output."""

    process: asyncio.subprocess.Process
    drain: asyncio.Task[None]


_children: dict[str, _Child] = {}
"""The running children by nonce. The objects keep the pipes open: the end of stdin ends a child."""


async def start_process(
    module: str,
    *,
    renderer: str,
    livekit_url: str,
    token: str,
    options: Mapping[str, Any] | None = None,
    encryption: Mapping[str, Any] | None = None,
    **more: Any,
) -> Mapping[str, Any]:
    """Start a worker process and wait until it is ready.

    The function sends the token through a pipe, so that it does not appear on the command line.

    Args:
        module: The module that the process runs. The module reads one line of JSON from stdin,
            writes `READY` on a line of its own once it serves, and ends at the end of stdin.
        renderer: The renderer class as `package.module:Class`.
        livekit_url: The URL of the LiveKit server.
        token: The room token of the worker.
        options: Keyword arguments of the renderer, JSON-safe; None for no arguments.
        encryption: The encryption of the room with its key, JSON-safe; None for a room without
            encryption. The function sends the encryption through the pipe, too.
        more: Further fields of the JSON object.

    Returns:
        The record of the process, JSON-safe, for a `ProvisionedAvatar.state`.

    Raises:
        WorkerError: The process cannot be started, or ended before it was ready. The message
            contains the last output of the process.
    """
    nonce = new_nonce()
    config = {
        **more,
        "renderer": renderer,
        "options": dict(options or {}),
        "livekit_url": livekit_url,
        "token": token,
        "encryption": encryption,
    }
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            nonce,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=worker_environment(),
            start_new_session=True,
        )
    except OSError as error:
        raise WorkerError(f"avatar-core could not start a worker process ({error}).") from error
    record = ProcessRecord.of(child.pid, nonce)
    assert child.stdin is not None
    try:
        child.stdin.write(json.dumps(config).encode() + b"\n")
        await child.stdin.drain()
        said = await _until_ready(child, _secrets_of(token, encryption))
    except BaseException as error:
        await _to_its_end(asyncio.ensure_future(_discard(child, record)))
        if isinstance(error, ConnectionError):
            raise WorkerError("the worker process exited before it was ready.") from error
        raise
    drain = asyncio.create_task(_drain(child, said), name=f"worker {child.pid}")
    _children[nonce] = _Child(child, drain)
    drain.add_done_callback(lambda _: _children.pop(nonce, None))
    return record.state


async def stop_worker(state: Mapping[str, Any]) -> None:
    """End a worker, whether it is a child process or a task of this process; idempotent.

    Args:
        state: The record of the worker. A record of a worker that has ended has no effect.

    Raises:
        psutil.AccessDenied: The process belongs to another user.
    """
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
    """Wait until a worker, a child process or a task of this process, has ended.

    Args:
        state: The record of the worker.

    Returns:
        The reason for the end of the session, for logs and events: "its worker exited".
    """
    if record := ProcessRecord.read(state):
        await record.exited()
    else:
        await in_process.exited(state)
    return "its worker exited"


async def _discard(child: asyncio.subprocess.Process, record: ProcessRecord) -> None:
    """End a child process that did not become ready."""
    await record.stop()
    _close_pipes(child)
    await child.wait()


def _close_pipes(child: asyncio.subprocess.Process) -> None:
    """Close our ends of the child's pipes.

    A process that the child has started may hold the other ends open. Then neither the output nor
    `child.wait` would end.
    """
    transport: Any = child._transport  # type: ignore[attr-defined] # there is no public way
    for fd in (0, 1):
        if (pipe := transport.get_pipe_transport(fd)) is not None:
            pipe.close()


async def _to_its_end(work: asyncio.Future[Any]) -> None:
    """Wait until a future is done, even if the caller is cancelled in the meantime.

    Raises:
        CancelledError: The caller was cancelled; the future is done.
    """
    cancelled = None
    while not work.done():
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def _secrets_of(token: str, encryption: Mapping[str, Any] | None) -> Mapping[bytes, bytes]:
    """Return the secrets that the child receives, with their replacements in its output."""
    secrets = {token.encode(): b"<token>"}
    if encryption is not None:
        key = str(encryption["shared_key"])
        secrets |= {key.encode(): b"<key>", b64decode(key): b"<key>"}
    return {secret: name for secret, name in secrets.items() if len(secret) >= SHORTEST_SECRET}


async def _until_ready(child: asyncio.subprocess.Process, secrets: Mapping[bytes, bytes]) -> bytes:
    """Wait until the child writes `READY`, and return its output after that line.

    Raises:
        WorkerError: The child ended before it was ready. The message contains its last output.
    """
    assert child.stdout is not None
    said = b"\n"
    while block := await child.stdout.read(BLOCK):
        said += block
        for secret, replacement in secrets.items():
            said = said.replace(secret, replacement)
        _, ready, since = said.partition(READY)
        if ready:
            return since
        said = said[-BLOCK:]
    lines = [_short(line) for line in said.decode(errors="replace").strip().splitlines()]
    last = "\n  ".join(lines[-TAIL_LINES:]) or "(no output)"
    raise WorkerError(
        f"the worker process exited before it was ready. Its last output:\n  {last}\n",
        hint="Fix the error in the output, then start the avatar again.",
    )


def _short(line: str) -> str:
    half = LONGEST_LINE // 2
    return line if len(line) <= LONGEST_LINE else f"{line[:half]} ... {line[-half:]}"


async def _drain(child: asyncio.subprocess.Process, said: bytes) -> None:
    """Copy the child's output to stderr, and continue to read it if stderr cannot be written."""
    assert child.stdout is not None
    text = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while said := said or await child.stdout.read(BLOCK):
        with suppress(Exception):  # stderr may be None, closed, or full
            sys.stderr.write(text.decode(said))
            sys.stderr.flush()
        said = b""
    await child.wait()
