"""How steadily a provider's pictures come to a listener, and what its worker costs meanwhile.

    AVATAR_PROVIDER=mock .venv/bin/python -m benchmarks.bench.pictures 10

speaks for ten minutes and prints frames missing and late, and the worker's share of a core.
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
from benchmarks.bench.driver import Speaker
from benchmarks.bench.stimulus import RATE_HZ, words
from benchmarks.bench.systems import Ours

WORDS = 60
WARM_S = 5.0
TOLD_S = 10.0

Seen = tuple[float, float]
"""When a picture was to be shown, by its sender's clock, and when it came; seconds."""
Rows = dict[str, float | int]


def steadiness(pictures: Sequence[Seen]) -> Rows:
    """What came of a stream of pictures.

    A picture is missing where two neighbours are 1.75 periods apart or more, and late where it came
    more than a period later, after its time, than most do.
    """
    gaps_s = np.array([after[0] - before[0] for before, after in pairwise(pictures)])
    period_s = float(np.median(gaps_s))
    missing = int((np.floor(gaps_s / period_s + 0.25) - 1).clip(0).sum())
    delays_s = np.array([came - shown for shown, came in pictures])
    late = int((delays_s - np.median(delays_s) > period_s).sum())
    count = len(pictures) + missing
    return {
        "pictures": len(pictures),
        "fps": round(1 / period_s, 1),
        "missing": missing,
        "late": late,
        "missing_or_late_percent": round(100 * (missing + late) / count, 3),
    }


async def measure(provider: str, minutes: float) -> Rows:
    """Speak for so long through a provider, in a room of the real server."""
    _, pcm = words(WORDS)
    pictures: list[Seen] = []
    size = [0, 0]

    def see(_: str, came: float, shown: float, frame: rtc.VideoFrame) -> None:
        pictures.append((shown, came))
        size[:] = frame.width, frame.height

    async with DevServer.from_environment() as server, AsyncExitStack() as stack:
        system, room_name = Ours(server, provider), f"pictures-{secrets.token_hex(4)}"
        listener = await Listener.join(
            server.url, system.token(room_name, "listener"), lambda *_: None, see
        )
        stack.push_async_callback(listener.aclose)
        seat = await system.enter(stack, room_name)
        await asyncio.sleep(WARM_S)
        worker = psutil.Process(seat.workers[0])
        before_s, since = sum(worker.cpu_times()[:2]), asyncio.get_running_loop().time()
        pictures.clear()
        speaker = Speaker(seat.output)
        while (now := asyncio.get_running_loop().time()) - since < 60 * minutes:
            speaker.say(pcm)
            await speaker.told(len(pcm) / 2 / RATE_HZ + TOLD_S)
        used_s = sum(worker.cpu_times()[:2]) - before_s
        rows = steadiness(pictures)
        return {
            "width": size[0],
            "height": size[1],
            "minutes": round((now - since) / 60, 1),
            **rows,
            "worker_core_percent": round(100 * used_s / (now - since), 1),
            "worker_memory_mb": round(worker.memory_info().rss / 1e6, 1),
        }


def main() -> int:
    """Measure the provider of AVATAR_PROVIDER for the minutes given, and print it."""
    for name in ("livekit", "avatar_core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    rows = asyncio.run(measure(os.environ.get("AVATAR_PROVIDER") or "mock", minutes))
    print(json.dumps(rows, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
