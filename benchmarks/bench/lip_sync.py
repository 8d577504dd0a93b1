"""Measures at a listener how far the mouth of a still face is from the sound.

    AVATAR_PROVIDER=neural .venv/bin/python -m benchmarks.bench.lip_sync speech.wav 10

plays a recording ten times. The program prints the frame rate, and the shift in time at which the
movement of the lower half of the image and the loudness are most alike.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sys
import wave
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr
from livekit import rtc

from avatar_core.testing.listener import Listener
from avatar_core.testing.server import DevServer
from benchmarks.bench.driver import SpeechDriver
from benchmarks.bench.stimulus import RATE_HZ
from benchmarks.bench.systems import Ours
from benchmarks.bench.video_frames import FrameTimes, Rows, measure_regularity

WARM_UP_S, PAUSE_S, TIMEOUT_S = 3.0, 0.5, 10.0
STEP_S, MOST_S = 0.005, 0.25
"""Step and largest value of the shifts that are compared, in seconds."""
BLOCK = 4

Signal = list[tuple[float, float]]
"""Pairs of a time in seconds and a value."""


def measure_shift(sound: Signal, movement: Signal) -> tuple[float, float]:
    """Find the shift at which the movement of the mouth is most like the loudness.

    Args:
        sound: The loudness over time.
        movement: The movement over time.

    Returns:
        Seconds by which the movement follows the sound, and the correlation at this shift.
    """
    begin = max(sound[0][0], movement[0][0]) + MOST_S
    end = min(sound[-1][0], movement[-1][0]) - MOST_S
    grid = np.arange(begin, end, STEP_S)
    moved = _sample(movement, grid)
    shifts = np.arange(-MOST_S, MOST_S + STEP_S / 2, STEP_S)
    likeness = [float(np.corrcoef(moved, _sample(sound, grid - shift))[0, 1]) for shift in shifts]
    best = int(np.argmax(likeness))
    return float(shifts[best]), likeness[best]


def _sample(signal: Signal, at_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a signal at some times, smoothed over about a frame."""
    times, values = np.array(signal).T
    around = np.linspace(-0.04, 0.04, 9)
    found = [np.interp(at_s + offset, times, values) for offset in around]
    return np.asarray(np.mean(found, axis=0))


def read_speech(path: Path) -> bytes:
    """Read a mono recording.

    Args:
        path: A WAV file with int16 samples.

    Returns:
        PCM at `RATE_HZ`.

    Raises:
        OSError: The file cannot be read.
    """
    with wave.open(str(path)) as file:
        raw = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
        samples = soxr.resample(raw, file.getframerate(), RATE_HZ)
    return bytes(np.clip(samples, -32768, 32767).astype("<i2").tobytes())


async def measure(provider: str, pcm: bytes, count: int) -> Rows:
    """Play speech through a provider in a room of a livekit-server.

    Args:
        provider: Name of the provider, whose face moves only its mouth.
        pcm: Mono int16 PCM at `RATE_HZ`.
        count: How often the speech is played.

    Returns:
        The frame rate, the missing and late frames, the shift in milliseconds by which the mouth
        follows the sound, and the correlation.
    """
    frames: list[FrameTimes] = []
    lower: list[tuple[float, npt.NDArray[np.float32]]] = []
    sound: Signal = []

    def add_audio(_: str, arrived: float, pcm: bytes, rate_hz: int) -> None:
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        length_s = len(samples) / rate_hz
        sound.append((arrived - length_s / 2, float(np.sqrt(np.mean(samples**2)))))

    def add_video(_: str, arrived: float, shown: float, frame: rtc.VideoFrame) -> None:
        luma = np.frombuffer(frame.data, np.uint8, frame.width * frame.height)
        half = luma.reshape(frame.height, frame.width)[frame.height // 2 :: BLOCK, ::BLOCK]
        frames.append((shown, arrived))
        lower.append((arrived, half.astype(np.float32)))

    async with DevServer.from_environment() as server, AsyncExitStack() as stack:
        system, room = Ours(server, provider), f"lips-{secrets.token_hex(4)}"
        token = system.token(room, "listener")
        listener = await Listener.join(server.url, token, add_audio, add_video)
        stack.push_async_callback(listener.aclose)
        driver = SpeechDriver((await system.enter(stack, room)).output)
        await asyncio.sleep(WARM_UP_S)
        for signal in (frames, lower, sound):
            signal.clear()
        for _ in range(count):
            driver.say(pcm)
            await driver.wait_for_end(len(pcm) / 2 / RATE_HZ + TIMEOUT_S)
            await asyncio.sleep(PAUSE_S)
    still = np.median(np.stack([half for _, half in lower[-10:]]), axis=0)
    movement = [(at_s, float(np.abs(half - still).mean())) for at_s, half in lower]
    shift_s, likeness = measure_shift(sound, movement)
    return {
        **measure_regularity(frames),
        "mouth_after_sound_ms": round(1000 * shift_s),
        "correlation": round(likeness, 2),
    }


def main() -> int:
    """Measure the provider of AVATAR_PROVIDER, and print the results as JSON.

    Returns:
        The exit code 0.
    """
    for name in ("livekit", "avatar_core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    pcm = read_speech(Path(sys.argv[1]))
    print(json.dumps(asyncio.run(measure(os.environ["AVATAR_PROVIDER"], pcm, count)), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
