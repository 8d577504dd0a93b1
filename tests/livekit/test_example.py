"""examples/agent.py as it is: dispatched by a real server, heard by a listener."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AbstractAsyncContextManager
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import pytest

from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.testing.audio.tones import VOCABULARY
from avatar_core.testing.listener import Listener
from avatar_core.testing.server import DevServer
from tests.livekit.entry import token
from tests.livekit.gateway import Gateway
from tests.livekit.hearing import LiveAudioMeter
from tests.support.agentserver import agent_server

pytestmark = [pytest.mark.livekit, pytest.mark.alone]

AGENT = Path(__file__).parents[2] / "examples/agent.py"
WORDS = VOCABULARY[:8]
TEST_S = 60.0
_name = attrgetter("word")


def example(
    server: DevServer, gateway: Gateway
) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
    """The example, with a small avatar and a gateway of ours."""
    return agent_server(
        AGENT,
        server,
        {
            "AVATAR_PROVIDER": "mock",
            "AVATAR_MOCK_WIDTH": "128",
            "AVATAR_MOCK_HEIGHT": "128",
            "LIVEKIT_INFERENCE_URL": gateway.url,
        },
    )


async def test_the_smallest_agent_greets_through_its_face(server: DevServer) -> None:
    hearing, room = LiveAudioMeter(), f"example-{secrets.token_hex(4)}"
    async with (
        asyncio.timeout(TEST_S),
        Gateway(WORDS).serving() as gateway,
        example(server, gateway),
    ):
        listener = await Listener.join(server.url, token(server, room, "user"), hearing.add)
        try:
            await hearing.word(WORDS[-1])
            await hearing.silence(0.3)
            participants = listener.link.room.remote_participants
            (avatar,) = [
                participant
                for participant in participants.values()
                if PUBLISH_ON_BEHALF in participant.attributes
            ]
            assert avatar.attributes[PUBLISH_ON_BEHALF] in participants
            assert {word.track for word in hearing.words()} <= set(avatar.track_publications)
            assert listener.video_frames > 0
        finally:
            await listener.aclose()
    heard = [
        (word, [part.share for part in parts]) for word, parts in groupby(hearing.words(), _name)
    ]
    assert [word for word, _ in heard] == list(WORDS)
    # The framework's own first use of its models holds the loop up: a word may be torn, not lost.
    assert all(0.5 < sum(shares) < 1.2 for _, shares in heard), heard
    assert "Greet the user." in str(gateway.asked)
