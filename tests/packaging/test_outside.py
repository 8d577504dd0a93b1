"""A provider in a wheel of its own is found by name, selected by one setting, and speaks."""

from __future__ import annotations

import asyncio
import json
import secrets
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from livekit import rtc

from avatar_core.testing.audio.tones import VOCABULARY
from avatar_core.testing.listener import Listener
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token
from tests.livekit.live_audio_meter import LiveAudioMeter
from tests.packaging.environment import INSTALL_S, CleanEnvironment, uv
from tests.packaging.wheels import ROOT, Build

pytestmark = pytest.mark.timeout(INSTALL_S)

PROGRAMS = Path(__file__).with_name("outside")
SPOKEN_WORDS = VOCABULARY[:12]
TEST_S = 60.0
SIZE = 128
"""Of the orb, pixels: not its default."""
DIM, LIT = 70, 110
"""Luma of its rim at rest is less, and at its loudest more."""

WHERE = """
import json, avatar_core
from avatar_core import ProviderRegistry
import avatar_provider_orb
registry = ProviderRegistry()
print(json.dumps({
    "files": [avatar_core.__file__, avatar_provider_orb.__file__],
    "version": avatar_core.__version__,
    "names": registry.names(),
    "origin": registry.describe("orb").origin,
    "orb": registry.load("orb") is avatar_provider_orb.OrbProvider,
}))
"""
REFUSED = """
import avatar_core
try:
    avatar_core.create_avatar()
except avatar_core.ConfigError as error:
    print(error)
"""


def test_installed_versions_are_compatible(clean: CleanEnvironment) -> None:
    uv("pip", "check", "--python", str(clean.python))


def test_provider_in_an_installed_wheel_is_found_by_name(
    clean: CleanEnvironment, build: Build
) -> None:
    output = json.loads(clean.run(WHERE))
    assert all(Path(file).is_relative_to(clean.home) for file in output["files"]), output
    assert not any(Path(file).is_relative_to(ROOT) for file in output["files"]), output
    assert output["version"] == version("avatar-core")
    assert output["names"] == ["orb"]
    assert (
        output["origin"]
        == f"avatar-provider-orb {build('avatar-provider-orb').metadata['Version']}"
    )
    assert output["orb"] is True


def test_wrong_settings_raise_before_provisioning(clean: CleanEnvironment) -> None:
    output = clean.run(REFUSED, AVATAR_PROVIDER="orb", AVATAR_ORB_COLOUR="blue")
    assert output.startswith("orb: AVATAR_ORB_COLOUR: ")
    assert "[AV104]" in output
    output = clean.run(REFUSED, AVATAR_PROVIDER="obr")
    assert "Did you mean 'orb'?" in output


def test_provider_speaks_in_memory(clean: CleanEnvironment) -> None:
    output = json.loads(clean.run(PROGRAMS / "in_memory.py", AVATAR_PROVIDER="orb"))
    assert output["provider"] == "orb"
    assert output["faults"] == []
    assert output["heard"] == list(SPOKEN_WORDS)
    assert output["cut"] == list(SPOKEN_WORDS[: len(output["cut"])])
    assert 4 <= len(output["cut"]) <= 6


class Sight:
    """How bright the orb's rim is: dark at rest, lit while it is loud.

    Attributes:
        rim: Of each picture, from its first that is not all black.
        width: Of the largest picture, pixels.
    """

    def __init__(self) -> None:
        self.rim: list[float] = []
        self.width = 0
        self.seen = asyncio.Event()

    def see(self, _: str, __: float, ___: float, frame: rtc.VideoFrame) -> None:
        luma = np.frombuffer(frame.data, np.uint8)[: frame.width * frame.height]
        rows = luma.reshape(frame.height, frame.width)
        if rows.max() > LIT:
            self.width = max(self.width, frame.width)
            self.rim.append(float(rows[frame.height // 2, round(frame.width * 0.73)]))
            self.seen.set()


@pytest.mark.livekit
@pytest.mark.alone
async def test_provider_speaks_in_a_real_room(clean: CleanEnvironment, server: DevServer) -> None:
    room, hearing, sight = f"outside-{secrets.token_hex(4)}", LiveAudioMeter(), Sight()
    listener = await Listener.join(
        server.url, create_token(server, room, "user"), hearing.add, sight.see
    )
    agent = await asyncio.create_subprocess_exec(
        *clean.command(PROGRAMS / "in_room.py", room, *SPOKEN_WORDS),
        cwd=clean.home,
        env=clean.variables(
            AVATAR_PROVIDER="orb",
            AVATAR_ORB_SIZE=str(SIZE),
            LIVEKIT_URL=server.url,
            LIVEKIT_API_KEY=server.api_key,
            LIVEKIT_API_SECRET=server.api_secret,
        ),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert agent.stdin is not None
    assert agent.stdout is not None
    try:
        async with asyncio.timeout(TEST_S):
            joined = json.loads(await agent.stdout.readline())
            assert joined["provider"] == "orb"
            shown = listener.link.room.remote_participants[joined["identity"]]
            assert shown.attributes["lk.publish_on_behalf"] == "agent"
            await sight.seen.wait()
            at_rest = sight.rim[-1]
            agent.stdin.write(b"speak\n")
            await hearing.wait_for_word(SPOKEN_WORDS[-1])
            said = json.loads(await agent.stdout.readline())
            await agent.stdout.read()
            assert await agent.wait() == 0
    finally:
        if agent.returncode is None:
            agent.kill()
            await agent.wait()
        await listener.aclose()
    assert [word.word for word in hearing.decode()] == list(SPOKEN_WORDS)
    assert len({word.track for word in hearing.decode()}) == 1
    assert said["history"] == [" ".join(SPOKEN_WORDS)]
    assert sight.width == SIZE
    assert at_rest < DIM < LIT < max(sight.rim)
