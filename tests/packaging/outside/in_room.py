"""An agent in a real room: speaks through what AVATAR_PROVIDER says, ends with stdin.

Usage: in_room.py ROOM WORD... ; the server is that of LIVEKIT_*.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator

from livekit import api, rtc
from livekit.agents import Agent, AgentSession

import avatar_core
from avatar_core.testing.audio.tones import WordTones

FRAME_BYTES = 960


async def frames(pcm: bytes) -> AsyncIterator[rtc.AudioFrame]:
    """PCM as a TTS hands it out."""
    for start in range(0, len(pcm), FRAME_BYTES):
        piece = pcm[start : start + FRAME_BYTES]
        yield rtc.AudioFrame(piece, 24_000, 1, len(piece) // 2)


async def main(room_name: str, spoken_words: list[str]) -> None:
    """Join, bring the avatar, speak when told to, leave."""
    loop = asyncio.get_running_loop()
    grants = api.VideoGrants(room_join=True, room=room_name)
    token = api.AccessToken().with_identity("agent").with_kind("agent").with_grants(grants)
    room = rtc.Room()
    await room.connect(os.environ["LIVEKIT_URL"], token.to_jwt())
    session: AgentSession[None] = AgentSession()
    avatar = avatar_core.create_avatar()
    await avatar.start(session, room=room)
    await session.start(Agent(instructions=""), room=room)
    await avatar.wait_for_join()
    print(json.dumps({"provider": avatar.provider, "identity": avatar.avatar_identity}), flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    await session.say(" ".join(spoken_words), audio=frames(WordTones().speak(spoken_words)))
    said = [item.text_content for item in session.history.items if item.type == "message"]
    print(json.dumps({"history": said}), flush=True)
    await session.aclose()
    await avatar.aclose()
    await room.disconnect()


asyncio.run(main(sys.argv[1], sys.argv[2:]))
