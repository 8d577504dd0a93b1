"""A listener in a child process, which receives one room through a line of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import numpy as np
from livekit import rtc

from avatar_core.testing.audio.meter import AudioMeter, LightMeter, brightness_of
from avatar_core.testing.children import run_as_child
from avatar_core.testing.flash_renderer import LOUD_RMS
from avatar_core.testing.listener import Listener


class Meters:
    """The audio and video received so far; all times are seconds on the monotonic clock."""

    def __init__(self) -> None:
        self.audio = AudioMeter(LOUD_RMS)
        self.light = LightMeter()
        self.frames: list[tuple[float, int]] = []
        """Arrival time and width of each frame."""

    def add_video(self, _: str, at_s: float, stamp_s: float, frame: rtc.VideoFrame) -> None:
        luma = np.frombuffer(frame.data, np.uint8, frame.width * frame.height)
        self.light.add(at_s, brightness_of(luma[::16]), stamp_s)
        self.frames.append((at_s, frame.width))

    def read(self, since_s: float, until_s: float) -> dict[str, Any]:
        return {
            "frames": [frame for frame in self.frames if since_s <= frame[0] < until_s],
            "flashes": [start for start, _ in self.light.flashes(since_s)],
            "onsets": [start for start, _ in self.audio.sounds(since_s)],
            "shares": self.audio.shares(since_s),
        }


async def _serve(url: str, token: str) -> None:
    meters = Meters()
    listener = await Listener.join(url, token, meters.audio.add, meters.add_video)
    requests = asyncio.Queue[str]()
    asyncio.get_running_loop().add_reader(
        sys.stdin, lambda: requests.put_nowait(sys.stdin.readline())
    )
    print("READY", flush=True)
    while request := await requests.get():
        since_s, until_s = json.loads(request)
        print(json.dumps(meters.read(since_s, until_s)), flush=True)
    await listener.aclose()


if __name__ == "__main__":
    run_as_child(_serve)
