"""The command `avatar gateway` as a process, for tests on a livekit-server."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from avatar_core.testing.server import DevServer

AVATAR = Path(sys.executable).with_name("avatar")
START_S, STOP_S = 30.0, 15.0


@asynccontextmanager
async def run_gateway(
    server: DevServer, ledger: Path, env: Mapping[str, str]
) -> AsyncIterator[str]:
    """Run the command in a process of its own, and stop it with SIGTERM.

    Yields:
        The URL of the gateway.
    """
    process = await asyncio.create_subprocess_exec(
        str(AVATAR),
        *("gateway", "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": server.api_key,
            "LIVEKIT_API_SECRET": server.api_secret,
            "AVATAR_LEDGER": str(ledger),
            **env,
        },
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            line = (await process.stdout.readline()).decode()
        match = re.search(r"http://[\d.]+:\d+", line)
        assert match is not None, line
        yield match.group()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
