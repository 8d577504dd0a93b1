"""Two agents that say the same, one with livekit-plugins-tavus, unmodified, one with avatar-core.

Run by livekit-agents; JOB_AVATAR says which, and what happens is noted in JOB_NOTES.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext
from livekit.plugins import tavus

import avatar_core
from avatar_core.testing.audio.tones import VOCABULARY, WordTones

RATE_HZ, FRAME = 24_000, 480
SPEAK, HOLD_S = "speak", 10.0
"""The topic of the word by which its listener lets it speak, and for how long that is awaited."""
SPOKEN_WORDS = VOCABULARY[:6]
server = AgentServer(load_fnc=lambda _: 0.0)  # dispatched to, however busy the machine


def note(room: str, what: str) -> None:
    """Record an event of a room, with its time."""
    with Path(os.environ["JOB_NOTES"]).open("a") as file:
        file.write(json.dumps({"room": room, "what": what, "at": time.time()}) + "\n")


async def frames() -> AsyncIterator[rtc.AudioFrame]:
    """The words, as tones."""
    pcm = WordTones(RATE_HZ).speak(SPOKEN_WORDS)
    for start in range(0, len(pcm), 2 * FRAME):
        piece = pcm[start : start + 2 * FRAME]
        yield rtc.AudioFrame(piece, RATE_HZ, 1, len(piece) // 2)


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One conversation."""
    await ctx.connect()
    room = ctx.room.name
    may_speak = asyncio.Event()
    ctx.room.on("data_received", lambda got: got.topic == SPEAK and may_speak.set())
    session: AgentSession[Any] = AgentSession()
    avatar: Any
    if os.environ["JOB_AVATAR"] == "stock":
        avatar = tavus.AvatarSession(api_url=os.environ["TAVUS_API_URL"])
    else:
        avatar = avatar_core.create_avatar("tavus")
    try:
        await avatar.start(session, room=ctx.room)
    except Exception as error:
        note(room, f"failed: {type(error).__name__}")
        ctx.shutdown()
        return
    await session.start(Agent(instructions="You speak when reported to."), room=ctx.room)
    await avatar.wait_for_join()
    note(room, "joined")
    with suppress(TimeoutError):
        async with asyncio.timeout(HOLD_S):
            await may_speak.wait()
    await session.say(" ".join(SPOKEN_WORDS), audio=frames())
    note(room, "said")
