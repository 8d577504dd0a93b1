"""Child processes that run a Python module, with JSON lines on stdin and text lines on stdout."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NoReturn, Self

from avatar_core.contracts.errors import WorkerError
from avatar_core.processes import die_with_parent

MAX_LINE_BYTES = 1 << 24
"""Longest line that a child process may write to stdout, in bytes."""
STOP_S = 3.0
"""Seconds from the end of stdin until a child process that still runs is killed."""


class ChildProcess:
    """A child process that runs a Python module; `ChildProcess.start` creates it.

    Args:
        process: The process, with pipes for stdin and stdout.

    Attributes:
        pid: The process id.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(cls, module: str, **config: Any) -> Self:
        """Start a module in a child process, and wait until the module prints READY.

        Args:
            module: Name of the module; it calls `run_as_child`.
            config: Configuration of the module, JSON-safe; the first line of its stdin.

        Returns:
            The running process.

        Raises:
            WorkerError: The process ended before it was ready.
            OSError: The process cannot be started.
        """
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, stdin=pipe, stdout=pipe, limit=MAX_LINE_BYTES
        )
        child = cls(process)
        try:
            child.send_line(config)
            while (line := await child.read_line()) != "READY":
                if not line:
                    raise WorkerError(
                        f"The process of the module {module} exited before it was ready.",
                        hint="Read the traceback of the process on stderr, and fix the error.",
                    )
        except BaseException:
            await child.stop()
            raise
        return child

    def send_line(self, value: Any) -> None:
        """Write one line of JSON to the stdin of the process.

        Args:
            value: A JSON-safe value.

        Raises:
            TypeError: The value is not JSON-safe.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value).encode() + b"\n")

    async def read_line(self) -> str:
        """Return the next line that the process writes to stdout.

        Returns:
            The line without surrounding white space; an empty string if the process has closed
            stdout.

        Raises:
            ValueError: The line is longer than `MAX_LINE_BYTES`.
        """
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()

    async def stop(self) -> None:
        """Close stdin, and kill the process if it does not end within 3 s; idempotent."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):  # it ended while the loop was busy
                self._process.kill()
            await self._process.wait()


def run_as_child(serve: Callable[..., Coroutine[Any, Any, None]]) -> NoReturn:
    """Run the module of a `ChildProcess`: read the configuration, run `serve`, and exit.

    Args:
        serve: Called with the configuration as keyword arguments; returns a coroutine.

    Raises:
        Exception: `serve` raised the exception, or stdin does not begin with a line of JSON.
    """
    die_with_parent()
    asyncio.run(serve(**json.loads(sys.stdin.readline())))
    sys.stdout.flush()
    os._exit(0)  # at the interpreter's own exit livekit's native runtime may panic
