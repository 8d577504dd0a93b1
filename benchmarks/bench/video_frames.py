"""Measures how regularly video frames arrive at a listener, and the CPU time of the worker.

    AVATAR_PROVIDER=mock .venv/bin/python -m benchmarks.bench.video_frames 10

speaks for ten minutes and prints the missing and late frames and the worker's share of a core.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import pairwise

import numpy as np
import psutil
from livekit import rtc

from avatar_core.testing.listener import Listener
from avatar_core.testing.server import DevServer
from benchmarks.bench.driver import SpeechDriver
from benchmarks.bench.stimulus import RATE_HZ, make_speech
from benchmarks.bench.systems import Ours

WORD_COUNT = 60
WARM_UP_S = 5.0
TIMEOUT_S = 10.0

FrameTimes = tuple[float, float]
"""Presentation time on the sender's clock, and arrival time of a video frame, in seconds."""
Rows = dict[str, float | int]


def measure_regularity(frames: Sequence[FrameTimes]) -> Rows:
    """Count the missing and late frames of a stream.

    A frame is missing if its neighbours are at least 1.75 periods apart. The delay of a frame is
    the time from its presentation to its arrival. A frame is late if its delay is more than a
    period longer than the median delay.

    Args:
        frames: The times of the frames, in the order of arrival.

    Returns:
        The number of frames, the frame rate, the numbers of missing and of late frames, and their
        share in percent.
    """
    gaps_s = np.array([after[0] - before[0] for before, after in pairwise(frames)])
    period_s = float(np.median(gaps_s))
    missing = int((np.floor(gaps_s / period_s + 0.25) - 1).clip(0).sum())
    delays_s = np.array([arrived - shown for shown, arrived in frames])
    late = int((delays_s - np.median(delays_s) > period_s).sum())
    count = len(frames) + missing
    return {
        "frames": len(frames),
        "fps": round(1 / period_s, 1),
        "missing": missing,
        "late": late,
        "missing_or_late_percent": round(100 * (missing + late) / count, 3),
    }


async def measure(provider: str, minutes: float) -> Rows:
    """Speak through a provider in a room of a livekit-server, and measure the video.

    Args:
        provider: Name of the provider.
        minutes: Length of the measurement in minutes.

    Returns:
        The results of `measure_regularity`, the size of the video, and the CPU time and memory of
        the worker.
    """
    _, pcm = make_speech(WORD_COUNT)
    frames: list[FrameTimes] = []
    size = [0, 0]

    def add(_: str, arrived: float, shown: float, frame: rtc.VideoFrame) -> None:
        frames.append((shown, arrived))
        size[:] = frame.width, frame.height

    async with DevServer.from_environment() as server, AsyncExitStack() as stack:
        system, room_name = Ours(server, provider), f"frames-{secrets.token_hex(4)}"
        listener = await Listener.join(
            server.url, system.token(room_name, "listener"), lambda *_: None, add
        )
        stack.push_async_callback(listener.aclose)
        session = await system.enter(stack, room_name)
        await asyncio.sleep(WARM_UP_S)
        worker = psutil.Process(session.workers[0])
        before_s, since = sum(worker.cpu_times()[:2]), asyncio.get_running_loop().time()
        frames.clear()
        driver = SpeechDriver(session.output)
        while (now := asyncio.get_running_loop().time()) - since < 60 * minutes:
            driver.say(pcm)
            await driver.wait_for_end(len(pcm) / 2 / RATE_HZ + TIMEOUT_S)
        used_s = sum(worker.cpu_times()[:2]) - before_s
        rows = measure_regularity(frames)
        return {
            "width": size[0],
            "height": size[1],
            "minutes": round((now - since) / 60, 1),
            **rows,
            "worker_core_percent": round(100 * used_s / (now - since), 1),
            "worker_memory_mb": round(worker.memory_info().rss / 1e6, 1),
        }


def main() -> int:
    """Measure the provider of AVATAR_PROVIDER, and print the results as JSON.

    Returns:
        The exit code 0.
    """
    for name in ("livekit", "avatar_core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    rows = asyncio.run(measure(os.environ.get("AVATAR_PROVIDER") or "mock", minutes))
    print(json.dumps(rows, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
