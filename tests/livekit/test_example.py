"""The unchanged examples/agent.py, dispatched by a real server and heard by a listener."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AbstractAsyncContextManager
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import pytest

from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.testing.audio.tones import TONE_S, VOCABULARY
from avatar_core.testing.listener import Listener
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token
from tests.livekit.inference_server import InferenceServer
from tests.livekit.live_audio_meter import LiveAudioMeter
from tests.support.agent_server import run_agent_server

pytestmark = [pytest.mark.livekit, pytest.mark.alone]

AGENT = Path(__file__).parents[2] / "examples/agent.py"
SPOKEN_WORDS = VOCABULARY[:8]
TEST_S = 60.0
CONCEALED_S = 0.29
"""The longest sound that a jitter buffer makes up for late packets, in seconds (measured)."""
_name = attrgetter("word")


def run_example(
    server: DevServer, inference: InferenceServer
) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
    """Run the example with a small mock avatar and a fake inference server."""
    return run_agent_server(
        AGENT,
        server,
        {
            "AVATAR_PROVIDER": "mock",
            "AVATAR_MOCK_WIDTH": "128",
            "AVATAR_MOCK_HEIGHT": "128",
            "LIVEKIT_INFERENCE_URL": inference.url,
        },
    )


async def test_example_agent_greets_through_its_avatar(server: DevServer) -> None:
    hearing, room = LiveAudioMeter(), f"example-{secrets.token_hex(4)}"
    async with (
        asyncio.timeout(TEST_S),
        InferenceServer(SPOKEN_WORDS).serve() as inference,
        run_example(server, inference),
    ):
        listener = await Listener.join(server.url, create_token(server, room, "user"), hearing.add)
        try:
            await hearing.wait_for_word(SPOKEN_WORDS[-1])
            await hearing.wait_for_silence(0.3)
            participants = listener.link.room.remote_participants
            (avatar,) = [
                participant
                for participant in participants.values()
                if PUBLISH_ON_BEHALF in participant.attributes
            ]
            assert avatar.attributes[PUBLISH_ON_BEHALF] in participants
            assert {word.track for word in hearing.decode()} <= set(avatar.track_publications)
            assert listener.video_frames > 0
        finally:
            await listener.aclose()
    heard = [
        (word, [part.share for part in parts]) for word, parts in groupby(hearing.decode(), _name)
    ]
    assert [word for word, _ in heard] == list(SPOKEN_WORDS)
    # livekit-agents blocks the loop when it first uses its models: a word may be cut, not lost. The
    # listener's jitter buffer may prolong a word by up to 0.29 s when packets are late.
    longest = 1 + CONCEALED_S / TONE_S
    assert all(0.5 < sum(shares) < longest for _, shares in heard), heard
    assert "Greet the user." in str(inference.requests)
