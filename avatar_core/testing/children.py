"""Child processes that run a Python module, with JSON lines on stdin and lines on stdout."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, Self

from avatar_core.contracts.errors import WorkerError
from avatar_core.processes import die_with_parent

MAX_LINE_BYTES = 1 << 24
STOP_S = 3.0


class ChildProcess:
    """A Python module that runs in a process of its own.

    Args:
        process: The process, with pipes for stdin and stdout.

    Attributes:
        pid: Its process id.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(cls, module: str, **config: Any) -> Self:
        """Start a module and wait until it prints READY.

        Args:
            module: Name of the module; it calls `run_as_child`.
            config: Configuration of the module, JSON-safe; sent as the first line of its stdin.

        Returns:
            The running process.

        Raises:
            WorkerError: The process died before it was ready.
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
        """Write a line of JSON to the process.

        Args:
            value: A JSON value.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value).encode() + b"\n")

    async def read_line(self) -> str:
        """Return the next line that the process writes, stripped; empty when it has ended."""
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()

    async def stop(self) -> None:
        """Close the stdin of the process, and kill it if it does not end within 3 s; idempotent."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def run_as_child(serve: Callable[..., Coroutine[Any, Any, None]]) -> NoReturn:
    """Run as the module of a `ChildProcess`: read the configuration, serve, and exit.

    Args:
        serve: Called with the configuration as keyword arguments.
    """
    die_with_parent()
    asyncio.run(serve(**json.loads(sys.stdin.readline())))
    sys.stdout.flush()
    os._exit(0)  # at the interpreter's own exit livekit's native runtime may panic
