"""What both demos need: an agent server in a process of its own, a dispatched room, a token."""

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
from avatar_core.testing.server.runs import new_log
from avatar_demo.rpc_names import AGENT_NAME, PERSON, REGISTERED, Job

AGENT = "avatar_demo.agent"
REGISTER_S = 30.0
STOP_S = 12.0
COME_S, LEAVE_S = 10, 2


def offer(server: DevServer) -> None:
    """Jobs run in child processes, which read the server from the environment, as anywhere."""
    os.environ.update(
        LIVEKIT_URL=server.url,
        LIVEKIT_API_KEY=server.api_key,
        LIVEKIT_API_SECRET=server.api_secret,
    )
    LiveKitSettings.load()


@cache
def agent_log() -> Path:
    """What the agent server and its jobs say."""
    return new_log("demo", str(os.getpid()))


@asynccontextmanager
async def agent_server() -> AsyncIterator[asyncio.subprocess.Process]:
    """The agent server, registered; it ends with the block.

    Raises:
        ServerError: It ended as it started.
    """
    # In a process of its own: livekit-agents turns SIGINT off while it starts a job.
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
                        "the agent server ended as it started.",
                        hint=f"Its log is {agent_log()}.",
                    )
        yield child
    finally:
        child.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()


async def agent_gone(child: asyncio.subprocess.Process) -> ServerError:
    """Wait until the agent server has ended, which nobody asked for; what to say then."""
    await child.wait()
    return ServerError("the agent server is gone.", hint=f"Begin again. Its log is {agent_log()}.")


@asynccontextmanager
async def client_of(server: DevServer) -> AsyncIterator[api.LiveKitAPI]:
    """A client of the server's API."""
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as client:
        yield client


async def dispatch(client: api.LiveKitAPI, room: str, job: Job | None = None) -> None:
    """Send the agent into a room, which ends where nobody else comes, or all others have left."""
    await client.room.create_room(
        api.CreateRoomRequest(name=room, empty_timeout=COME_S, departure_timeout=LEAVE_S)
    )
    metadata = json.dumps(job._asdict()) if job else ""
    await client.agent_dispatch.create_dispatch(
        api.CreateAgentDispatchRequest(agent_name=AGENT_NAME, room=room, metadata=metadata)
    )


async def delete(client: api.LiveKitAPI, room: str) -> None:
    """End a room for everybody in it; where its server is gone, it has ended."""
    with suppress(ClientError, TimeoutError):
        async with asyncio.timeout(STOP_S):
            await client.room.delete_room(api.DeleteRoomRequest(room=room))


def person_token(server: DevServer, room: str) -> str:
    """Lets a person into the room."""
    return (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity(PERSON)
        .with_grants(api.VideoGrants(room_join=True, room=room))
        .to_jwt()
    )
