"""Starts agent processes quickly: imports everything once, then forks for each agent.

Reads the name of a room from each line of stdin, and prints the pid of its agent. The line
`kill <pid>` kills an agent, for callers in another pid namespace; the pid is printed.
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


async def run_agent(room_name: str) -> None:
    """Run an agent with an avatar in a real room, until it is killed.

    Args:
        room_name: The name of the room.
    """
    livekit = LiveKitSettings.load()
    room = rtc.Room()
    token = TokenMint(livekit, room_name).mint(TokenSpec(identity="agent"))
    await room.connect(livekit.url, token)
    avatar = create_avatar()
    session: AgentSession[None] = AgentSession()
    (Path(os.environ["STARTED_FOLDER"]) / room_name).touch()
    await avatar.start(session, room=room)
    await avatar.wait_for_join()
    await asyncio.Event().wait()


def main() -> None:
    """Fork an agent for each line of stdin."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # reap children automatically
    print("READY", flush=True)
    for line in sys.stdin:
        if line.startswith("kill "):
            pid = int(line.split()[1])
            os.kill(pid, signal.SIGKILL)
            print(pid, flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            os.close(0)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                asyncio.run(run_agent(line.strip()))
            finally:
                os._exit(1)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
