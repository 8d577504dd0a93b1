"""An agent server whose jobs record their events in a file; test_job_end runs it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from livekit.agents import Agent, AgentServer, AgentSession, JobContext

import avatar_core

CRASH = "crash"
"""A job whose room's name contains this word raises an error."""
server = AgentServer(load_fnc=lambda _: 0.0)  # accepts jobs however busy the machine is


def record(room: str, event: str) -> None:
    """Append an event of a job, with its Unix time, to the file named by JOB_EVENTS."""
    with Path(os.environ["JOB_EVENTS"]).open("a") as file:
        file.write(json.dumps({"room": room, "event": event, "at": time.time()}) + "\n")


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Run a conversation with an avatar, and raise an error if the room's name asks for it."""
    await ctx.connect()
    room = ctx.room.name
    session: AgentSession[Any] = AgentSession()
    session.on("close", lambda _: record(room, "closed"))
    avatar = avatar_core.create_avatar()
    await avatar.start(session, room=ctx.room)
    await session.start(Agent(instructions="Say nothing."), room=ctx.room)
    await avatar.wait_for_join()
    record(room, f"pid {os.getpid()}")
    if CRASH in room:
        record(room, "crashed")
        raise RuntimeError("the entrypoint fails on purpose")
