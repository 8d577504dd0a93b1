"""What a listener sees of the drawn face when the agent is interrupted.

    .venv/bin/python -m tests.livekit.test_face_cut 15

prints figures of so many interruptions.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import statistics
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from avatar_demo.speech import Synthesiser
from livekit import rtc

from avatar_core import ProvisionedAvatar, ProvisionRequest
from avatar_core.contracts.clock import loop_time
from avatar_core.testing.listener import Listener
from avatar_core.testing.server import DevServer
from benchmarks.bench.driver import Speaker
from benchmarks.bench.stimulus import RATE_HZ
from benchmarks.bench.systems import Ours
from benchmarks.bench.workers import OwnWorkerProvider
from providers.local.tests.drawing import at_rate
from providers.local.tests.marked_renderer import SIDE

TEXT = "Papa Abraham, my mama has long arms, and all of them are far too short for me to see."
CUTS = 3
AFTER_S = 0.8


class MarkedProvider(OwnWorkerProvider):
    name = "marked"

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        state = await request.start_worker(
            "providers.local.tests.marked_renderer:MarkedFace", token=request.avatar_token()
        )
        avatar = ProvisionedAvatar(session_id=request.key, identity=request.identity, state=state)
        request.claim(avatar)
        return avatar


class Marked(Ours):
    worker = MarkedProvider


@dataclass(frozen=True)
class Frame:
    at_s: float
    grey: npt.NDArray[np.uint8]

    @property
    def speaks(self) -> bool:
        return bool(self.grey[2 : SIDE // 2 - 2, 2 : SIDE // 2 - 2].mean() > 128)


@dataclass(frozen=True)
class Cut:
    """One interruption; changes are mean differences of neighbouring pictures, 0 to 255."""

    last_speech_s: float
    worst_change: float
    usual_change: float


async def cuts(server: DevServer, count: int) -> list[Cut]:
    """Interrupt it so often at random moments."""
    frames: list[Frame] = []

    def see(_: str, at_s: float, __: float, frame: rtc.VideoFrame) -> None:
        luma = np.frombuffer(frame.get_plane(0), np.uint8)
        frames.append(Frame(at_s, luma.reshape(frame.height, frame.width)[::2, ::2].copy()))

    async with AsyncExitStack() as stack:
        system, room_name = Marked(server), f"cut-{secrets.token_hex(4)}"
        token = system.token(room_name, "listener")
        listener = await Listener.join(server.url, token, lambda *_: None, see)
        stack.push_async_callback(listener.aclose)
        speaker = Speaker((await system.enter(stack, room_name)).output)
        pcm, chance = at_rate(Synthesiser().speak(TEXT), RATE_HZ), random.Random(3)
        found = []
        for _ in range(count):
            frames.clear()
            speaker.say(pcm)
            await asyncio.sleep(chance.uniform(1.2, 2.4))
            cut_at = await speaker.clear()
            await speaker.told(5.0)
            await asyncio.sleep(cut_at + AFTER_S - loop_time())
            found.append(_cut(frames, cut_at))
        return found


def _cut(frames: list[Frame], cut_at: float) -> Cut:
    speech = [frame.at_s for frame in frames if frame.speaks]
    changes = [
        (after.at_s, float(np.abs(after.grey[SIDE:].astype(int) - before.grey[SIDE:]).mean()))
        for before, after in pairwise(frames)
    ]
    return Cut(
        last_speech_s=max(speech) - cut_at,
        worst_change=max(change for at, change in changes if at >= cut_at),
        usual_change=max(change for at, change in changes if at < cut_at),
    )


@pytest.mark.livekit
@pytest.mark.alone
async def test_a_cut_face_stops_within_100_ms_and_does_not_jump(server: DevServer) -> None:
    found = await cuts(server, CUTS)
    assert statistics.median(cut.last_speech_s for cut in found) <= 0.1
    assert all(cut.worst_change <= 1.5 * cut.usual_change for cut in found)


async def _main(count: int) -> None:
    async with DevServer.from_environment() as server:
        found = await cuts(server, count)
    for name in ("last_speech_s", "worst_change", "usual_change"):
        values = sorted(getattr(cut, name) for cut in found)
        print(f"{name}: median {statistics.median(values):.3f}, worst {values[-1]:.3f}")


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
