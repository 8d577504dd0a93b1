"""examples/agent.py as it is: dispatched by a real server, heard by a listener."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import pytest

from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.devserver import DevServer
from avatar_core.rtc.listener import Listener
from avatar_core.sim.tones import VOCABULARY
from tests.livekit.gateway import Gateway
from tests.livekit.hearing import Hearing
from tests.livekit.stage import token
from tests.processes import family

pytestmark = [pytest.mark.livekit, pytest.mark.alone]

AGENT = Path(__file__).parents[2] / "examples/agent.py"
WORDS = VOCABULARY[:8]
TEST_S = 60.0
END_S = 15.0
_name = attrgetter("word")


@asynccontextmanager
async def example(server: DevServer, gateway: Gateway) -> AsyncIterator[None]:
    """Run the example until the block ends; nothing of it stays behind."""
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "livekit.agents", "start", "--dev", str(AGENT)),
        env={
            **os.environ,
            "AVATAR_PROVIDER": "mock",
            "AVATAR_MOCK_WIDTH": "128",
            "AVATAR_MOCK_HEIGHT": "128",
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": server.api_key,
            "LIVEKIT_API_SECRET": server.api_secret,
            "LIVEKIT_INFERENCE_URL": gateway.url,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    registered = asyncio.Event()

    async def read() -> None:
        assert agent.stdout is not None
        async for line in agent.stdout:
            print(line.decode(), end="")
            if b"registered worker" in line:
                registered.set()
        registered.set()

    reading = asyncio.create_task(read())
    try:
        await registered.wait()
        yield
    finally:
        members = family(agent.pid) if agent.returncode is None else {}
        if members:
            agent.send_signal(signal.SIGINT)
        left = await asyncio.to_thread(
            lambda: [name for name, member in members.items() if not member.within(END_S)]
        )
        for member in members.values():
            member.close()
        await reading
        assert left == []
        assert await agent.wait() == 0


async def test_the_smallest_agent_greets_through_its_face(server: DevServer) -> None:
    hearing, room = Hearing(), f"example-{secrets.token_hex(4)}"
    async with (
        asyncio.timeout(TEST_S),
        Gateway(WORDS).serving() as gateway,
        example(server, gateway),
    ):
        listener = await Listener.join(server.url, token(server, room, "user"), hearing.add)
        try:
            await hearing.word(WORDS[-1])
            await hearing.silence(0.3)
            peers = listener.link.room.remote_participants
            (avatar,) = [peer for peer in peers.values() if PUBLISH_ON_BEHALF in peer.attributes]
            assert avatar.attributes[PUBLISH_ON_BEHALF] in peers
            assert {word.track for word in hearing.words()} <= set(avatar.track_publications)
            assert listener.pictures > 0
        finally:
            await listener.aclose()
    heard = [
        (word, [part.share for part in parts]) for word, parts in groupby(hearing.words(), _name)
    ]
    assert [word for word, _ in heard] == list(WORDS)
    # The framework's own first use of its models holds the loop up: a word may be torn, not lost.
    assert all(0.5 < sum(shares) < 1.2 for _, shares in heard), heard
    assert "Greet the user." in str(gateway.asked)
