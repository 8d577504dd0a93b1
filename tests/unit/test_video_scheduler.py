"""The video scheduler renders in a thread, in order, without blocking the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.renderer import Renderer, VideoFrame
from avatar_core.contracts.tracks import VideoTrack
from avatar_core.worker import video_scheduler as module
from avatar_core.worker.executors import ThreadExecutor
from avatar_core.worker.video_scheduler import Stretch, VideoScheduler

FRAME = VideoFrame(1, 1, bytes(4))


class Painter(Renderer):
    """Waits for a gate with every frame, and notes what it was requested, and where."""

    width, height, fps, audio = 1, 1, 25.0, AudioFormat(24_000)
    lookahead_s = 0.1

    def __init__(self) -> None:
        self.requested: list[str] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def lookahead(self, sound: bytes) -> None:
        if sound.endswith(b"+"):
            self.requested.append(sound.decode())

    def skip(self, chunk: bytes, last: bool) -> None:
        self.requested.append(f"-{chunk.decode()}")

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        self.threads.add(threading.current_thread().name)
        self.requested.append(chunk.decode())
        self._loop.call_soon_threadsafe(self.begun.set)
        self.gate.wait(20.0)
        return [FRAME]

    def idle(self) -> VideoFrame:
        self.requested.append("idle")
        return FRAME

    def reset(self) -> None:
        self.requested.append("reset")

    def close(self) -> None:
        self.requested.append("close")


class Screen(VideoTrack):
    """Counts what it is shown."""

    def __init__(self) -> None:
        self.seen = asyncio.Semaphore(0)

    def capture(self, frame: VideoFrame) -> None:
        self.seen.release()

    async def unpublish(self) -> None:
        raise AssertionError


async def test_thread_executor_runs_jobs_in_order_on_its_own_thread() -> None:
    painter, screen = Painter(), Screen()
    scheduler = VideoScheduler(painter, ThreadExecutor())
    running = asyncio.create_task(scheduler.run(screen))
    due = asyncio.get_running_loop().time() + 0.05
    for name in "abc":
        scheduler.speak(Stretch(name.encode(), False), due, lambda: True)
    for _ in range(3):
        await asyncio.wait_for(screen.seen.acquire(), 5.0)
    scheduler.reset()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await scheduler.aclose()
    assert painter.requested == ["a", "b", "c", "close"]
    assert painter.threads == {"avatar-renderer"}


async def test_scheduler_skips_late_frames_and_does_not_block_the_loop() -> None:
    painter, screen = Painter(), Screen()
    scheduler = VideoScheduler(painter, ThreadExecutor())
    running = asyncio.create_task(scheduler.run(screen))
    painter.gate.clear()
    now = asyncio.get_running_loop().time()
    scheduler.speak(Stretch(b"0", False), now, lambda: True)
    await asyncio.wait_for(painter.begun.wait(), 5.0)
    for number in range(1, 5):
        scheduler.speak(Stretch(b"%d" % number, number == 4, b"+"), now, lambda: True)
    assert not scheduler.hung
    painter.gate.set()
    for _ in range(2):
        await asyncio.wait_for(screen.seen.acquire(), 5.0)
    assert painter.requested == ["0", "-1", "-2", "-3", "4+", "4"], "the last frame was skipped"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await scheduler.aclose()


async def test_hung_renderer_is_detected_and_does_not_delay_close(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "HUNG_S", 0.05)
    monkeypatch.setattr(module, "CLOSE_S", 0.05)
    painter, screen = Painter(), Screen()
    scheduler = VideoScheduler(painter, ThreadExecutor())
    running = asyncio.create_task(scheduler.run(screen))
    painter.gate.clear()
    scheduler.speak(Stretch(b"a", False), 0.0, lambda: True)
    await asyncio.wait_for(painter.begun.wait(), 5.0)
    await asyncio.sleep(module.HUNG_S + 0.01)
    assert scheduler.hung
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    began = time.monotonic()
    await scheduler.aclose()
    assert time.monotonic() - began < 1.0
    assert "close" not in painter.requested
    painter.gate.set()  # the daemon thread ends by itself; the leftovers fixture sees to it


async def test_thread_executor_raises_the_error_of_a_job_in_its_caller() -> None:
    thread = ThreadExecutor()
    with pytest.raises(ZeroDivisionError):
        await thread(lambda: 1 // 0)
    assert await thread(lambda: 7) == 7
    thread.close()
