"""Agents as processes that are there at once: everything imported, then a fork for each.

Reads the name of a room from each line of stdin, and prints the pid of the agent in it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from livekit import rtc
from livekit.agents import AgentSession

import avatar_core.http.exchange  # noqa: F401
from avatar_core.agents.create import create_avatar
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.provisioning.tokens import TokenMint
from avatar_core.settings import LiveKitSettings


async def converse(room_name: str) -> None:
    """An agent in a real room, with an avatar, until it is killed."""
    livekit = LiveKitSettings.load()
    room = rtc.Room()
    token = TokenMint(livekit, room_name).mint(TokenSpec(identity="agent"))
    await room.connect(livekit.url, token)
    avatar = create_avatar()
    session: AgentSession[None] = AgentSession()
    (Path(os.environ["BEGUN"]) / room_name).touch()
    await avatar.start(session, room=room)
    await avatar.wait_for_join()
    await asyncio.Event().wait()


def main() -> None:
    """Fork for each line."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead need no grave
    print("READY", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.close(0)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                asyncio.run(converse(line.strip()))
            finally:
                os._exit(1)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
