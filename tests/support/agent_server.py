"""Runs an agent server of livekit-agents in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from avatar_core.testing.server import DevServer
from tests.support.processes import open_process_tree

START_S = 60.0
END_S = 20.0


@asynccontextmanager
async def run_agent_server(
    script: Path, server: DevServer, environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an agent server while the block runs, and check that it ends with all its processes.

    Args:
        script: Python file that defines the AgentServer.
        server: The livekit-server at which the agent server registers before the block begins.
        environment: Additional environment variables.

    Yields:
        The process of the agent server.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "livekit.agents", "start", "--dev", str(script)),
        env={
            **os.environ,
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": server.api_key,
            "LIVEKIT_API_SECRET": server.api_secret,
            **environment,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    registered = asyncio.Event()
    reading = asyncio.create_task(_print(process, registered))
    try:
        async with asyncio.timeout(START_S):
            await registered.wait()
        yield process
    finally:
        left = await _end(process)
        await reading
        assert left == []
        assert await process.wait() == 0


async def _print(process: asyncio.subprocess.Process, registered: asyncio.Event) -> None:
    """Print the output of the process, which pytest shows if the test fails."""
    assert process.stdout is not None
    async for line in process.stdout:
        print(line.decode(errors="replace"), end="")
        if b"registered worker" in line:
            registered.set()
    registered.set()


async def _end(process: asyncio.subprocess.Process) -> list[str]:
    """Interrupt the process; return those of its processes that had to be killed."""
    if process.returncode is not None:
        return []
    members = open_process_tree(process.pid)
    process.send_signal(signal.SIGINT)
    left = await asyncio.to_thread(
        lambda: [name for name, member in members.items() if not member.exits_within(END_S)]
    )
    for member in members.values():
        member.close()
    return left
