"""An agent server whose jobs note when they closed; for test_job_end."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from livekit.agents import Agent, AgentServer, AgentSession, JobContext

import avatar_core

CRASH = "crash"
server = AgentServer(load_fnc=lambda _: 0.0)  # dispatched to, however busy the machine


def note(room: str, what: str) -> None:
    """What happened in a job, and when."""
    with Path(os.environ["JOB_NOTES"]).open("a") as file:
        file.write(json.dumps({"room": room, "what": what, "at": time.time()}) + "\n")


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One conversation; in some rooms it breaks."""
    await ctx.connect()
    room = ctx.room.name
    session: AgentSession[Any] = AgentSession()
    session.on("close", lambda _: note(room, "closed"))
    avatar = avatar_core.create_avatar()
    await avatar.start(session, room=ctx.room)
    await session.start(Agent(instructions="Say nothing."), room=ctx.room)
    await avatar.wait_for_join()
    note(room, f"pid {os.getpid()}")
    if CRASH in room:
        note(room, "crashed")
        raise RuntimeError("the entrypoint broke")
