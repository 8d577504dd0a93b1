"""Processes of the bench: configured by a line of JSON, spoken to by lines."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, Self

from avatar_core.contracts.errors import WorkerError
from avatar_core.processes import die_with_parent

LIMIT = 1 << 24
STOP_S = 3.0


class Child:
    """A Python module in a process of its own.

    Attributes:
        pid: Its process id.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(cls, module: str, **config: Any) -> Self:
        """Start it and wait for its READY.

        Raises:
            WorkerError: It died before.
        """
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, stdin=pipe, stdout=pipe, limit=LIMIT
        )
        child = cls(process)
        try:
            child.tell(config)
            while (line := await child.line()) != "READY":
                if not line:
                    raise WorkerError(f"{module} died as it started.", hint="See above.")
        except BaseException:
            await child.stop()
            raise
        return child

    def tell(self, what: Any) -> None:
        """Send it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")

    async def line(self) -> str:
        """The next line it writes, empty at its end."""
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()

    async def stop(self) -> None:
        """End it: by the end of its stdin, or else by force; idempotent."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def run_as_child(serve: Callable[..., Coroutine[Any, Any, None]]) -> NoReturn:
    """The other end of a `Child`: serve with the configuration of stdin's first line, and exit."""
    die_with_parent()
    asyncio.run(serve(**json.loads(sys.stdin.readline())))
    sys.stdout.flush()
    os._exit(0)  # at the interpreter's own exit livekit's native runtime may panic
