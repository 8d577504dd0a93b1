"""The drawn face stops quickly and smoothly when the agent is interrupted.

    .venv/bin/python -m tests.livekit.test_face_cut 15

prints the measurements of 15 interruptions.
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
from benchmarks.bench.driver import SpeechDriver
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
    """The video around one interruption.

    Attributes:
        last_speech_s: Seconds from the interruption to the last frame of speech.
        worst_difference: Largest mean difference (0 to 255) of consecutive frames after it.
        usual_difference: Largest mean difference of consecutive frames before it.
    """

    last_speech_s: float
    worst_difference: float
    usual_difference: float


async def measure_cuts(server: DevServer, count: int) -> list[Cut]:
    """Interrupt the agent `count` times at random moments of its speech."""
    frames: list[Frame] = []

    def see(_: str, at_s: float, __: float, frame: rtc.VideoFrame) -> None:
        luma = np.frombuffer(frame.get_plane(0), np.uint8)
        frames.append(Frame(at_s, luma.reshape(frame.height, frame.width)[::2, ::2].copy()))

    async with AsyncExitStack() as stack:
        system, room_name = Marked(server), f"cut-{secrets.token_hex(4)}"
        token = system.token(room_name, "listener")
        listener = await Listener.join(server.url, token, lambda *_: None, see)
        stack.push_async_callback(listener.aclose)
        driver = SpeechDriver((await system.enter(stack, room_name)).output)
        pcm, chance = at_rate(Synthesiser().speak(TEXT), RATE_HZ), random.Random(3)
        found = []
        for _ in range(count):
            frames.clear()
            driver.say(pcm)
            await asyncio.sleep(chance.uniform(1.2, 2.4))
            cut_at = await driver.interrupt()
            await driver.wait_for_end(5.0)
            await asyncio.sleep(cut_at + AFTER_S - loop_time())
            found.append(_cut(frames, cut_at))
        return found


def _cut(frames: list[Frame], cut_at: float) -> Cut:
    speech = [frame.at_s for frame in frames if frame.speaks]
    differences = [
        (after.at_s, float(np.abs(after.grey[SIDE:].astype(int) - before.grey[SIDE:]).mean()))
        for before, after in pairwise(frames)
    ]
    return Cut(
        last_speech_s=max(speech) - cut_at,
        worst_difference=max(value for at, value in differences if at >= cut_at),
        usual_difference=max(value for at, value in differences if at < cut_at),
    )


@pytest.mark.livekit
@pytest.mark.alone
async def test_interrupted_face_stops_within_100_ms_and_does_not_jump(server: DevServer) -> None:
    cuts = await measure_cuts(server, CUTS)
    assert statistics.median(cut.last_speech_s for cut in cuts) <= 0.1
    assert all(cut.worst_difference <= 1.5 * cut.usual_difference for cut in cuts)


async def _main(count: int) -> None:
    async with DevServer.from_environment() as server:
        cuts = await measure_cuts(server, count)
    for name in ("last_speech_s", "worst_difference", "usual_difference"):
        values = sorted(getattr(cut, name) for cut in cuts)
        print(f"{name}: median {statistics.median(values):.3f}, worst {values[-1]:.3f}")


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
