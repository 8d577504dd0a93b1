"""Functions for the page and the test user: agent server, rooms, dispatches and tokens."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path

from aiohttp import ClientError
from livekit import api

from avatar_core.contracts.errors import ServerError
from avatar_core.settings import LiveKitSettings
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.runs import create_log
from avatar_demo.rpc_names import AGENT_NAME, REGISTERED, USER, Job

AGENT = "avatar_demo.agent"
REGISTER_S = 30.0
STOP_S = 12.0
EMPTY_TIMEOUT_S, DEPARTURE_TIMEOUT_S = 10, 2


def export_settings(server: DevServer) -> None:
    """Set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET for jobs in child processes.

    Args:
        server: The livekit-server.

    Raises:
        ConfigError: The URL of the server is invalid.
    """
    os.environ.update(
        LIVEKIT_URL=server.url,
        LIVEKIT_API_KEY=server.api_key,
        LIVEKIT_API_SECRET=server.api_secret,
    )
    LiveKitSettings.load()


@cache
def agent_log() -> Path:
    """Return the log file of the agent server and its jobs; the first call creates the file.

    Returns:
        The path of the file.
    """
    return create_log("demo", str(os.getpid()))


@asynccontextmanager
async def run_agent_server() -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the agent server in a child process while the block runs.

    Yields:
        The process, after the agent server has registered at the livekit-server.

    Raises:
        ServerError: The agent server exited while it was starting.
        TimeoutError: The agent server did not register within 30 s.
    """
    # It needs its own process, because livekit-agents switches SIGINT off while it starts a job.
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        AGENT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=agent_log().open("wb"),
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        async with asyncio.timeout(REGISTER_S):
            while (line := await child.stdout.readline()).decode().strip() != REGISTERED:
                if not line:
                    raise ServerError(
                        "The agent server exited while it was starting.",
                        hint=f"Read the log of the agent server: {agent_log()}.",
                    )
        yield child
    finally:
        child.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await child.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):  # it ended while the loop was busy
                child.kill()
            await child.wait()


async def wait_until_lost(child: asyncio.subprocess.Process) -> ServerError:
    """Wait until the agent server exits unexpectedly.

    Args:
        child: The process that `run_agent_server` yielded.

    Returns:
        The error to report.
    """
    await child.wait()
    return ServerError(
        "The agent server exited unexpectedly.",
        hint=f"Start the demo again. The log of the agent server is {agent_log()}.",
    )


@asynccontextmanager
async def open_client(server: DevServer) -> AsyncIterator[api.LiveKitAPI]:
    """Open a client of the server's API while the block runs.

    Args:
        server: The livekit-server.

    Yields:
        The client of the LiveKit server API.
    """
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as client:
        yield client


async def dispatch_agent(client: api.LiveKitAPI, room: str, job: Job | None = None) -> None:
    """Create a room and dispatch the agent to it.

    The server deletes the room if no participant joins within 10 s, and 2 s after the last
    participant has left.

    Args:
        client: A client of the server's API.
        room: Name of the new room.
        job: The task of the agent in the room; None is a `Job` without arguments.

    Raises:
        ClientError: The server cannot be reached.
        TwirpError: The server rejected the request.
    """
    await client.room.create_room(
        api.CreateRoomRequest(
            name=room, empty_timeout=EMPTY_TIMEOUT_S, departure_timeout=DEPARTURE_TIMEOUT_S
        )
    )
    metadata = json.dumps(job._asdict()) if job else ""
    await client.agent_dispatch.create_dispatch(
        api.CreateAgentDispatchRequest(agent_name=AGENT_NAME, room=room, metadata=metadata)
    )


async def delete_room(client: api.LiveKitAPI, room: str) -> None:
    """Delete a room and disconnect its participants; ignore a server that cannot be reached.

    Args:
        client: A client of the server's API.
        room: Name of the room.

    Raises:
        TwirpError: The server rejected the request; the room may have ended before.
    """
    with suppress(ClientError, TimeoutError):
        async with asyncio.timeout(STOP_S):
            await client.room.delete_room(api.DeleteRoomRequest(room=room))


def create_user_token(server: DevServer, room: str) -> str:
    """Create an access token with which the user can join a room.

    Args:
        server: The livekit-server.
        room: Name of the room.

    Returns:
        The token, a JWT.
    """
    return (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity(USER)
        .with_grants(api.VideoGrants(room_join=True, room=room))
        .to_jwt()
    )
