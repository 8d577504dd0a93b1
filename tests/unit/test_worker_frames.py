"""An AvatarWorker shows its video frames on time, and loses no audio for them."""

from __future__ import annotations

import asyncio
import struct
from itertools import pairwise
from typing import Any

import pytest

from avatar_core.contracts.renderer import VideoFrame
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.scripted_renderer import IDLE, RATE, TALK
from avatar_core.testing.worker_harness import WorkerHarness, with_worker
from avatar_core.worker.pacer import FRAME_S, LOW_S, VIDEO_DELAY_S
from avatar_core.worker.video_scheduler import HUNG_S

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize(
    "response",
    [
        ValueError("a defect"),
        (),
        None,
        [TALK] * 500,
        [VideoFrame(2, 2, b"")],
        [None],
        [VideoFrame(1, 1, bytes(4))],
        "frames",
    ],
    ids=[
        "error",
        "no frame",
        "no list",
        "500 frames",
        "wrong length",
        "None",
        "other size",
        "text",
    ],
)
@with_worker
async def test_failing_renderer_loses_frames_and_no_audio(
    harness: WorkerHarness, response: Any
) -> None:
    harness.renderer.response = response
    pcm = await harness.whole(0.5)
    assert harness.heard == pcm
    assert harness.states == [("a", "playing"), ("a", "done")]
    await asyncio.sleep(0.2)
    shown = len(harness.shown)
    await asyncio.sleep(1.0)
    idle = harness.shown[shown:]
    assert len(idle) == pytest.approx(25, abs=2)
    assert all(frame is IDLE for _, frame in idle), "a frame of the take was shown after its end"
    harness.renderer.response = (TALK,)
    before = len(harness.heard)
    assert await harness.whole(0.5, "b") == harness.heard[before:]


@pytest.mark.parametrize("each_s", [0.03, 0.05, 0.06, 0.15])
@with_worker
async def test_slow_renderer_loses_frames_and_no_audio(
    harness: WorkerHarness, each_s: float
) -> None:
    harness.executor.each_s = each_s
    pcm = await harness.whole(2.0)
    assert harness.heard == pcm
    assert len(harness.runs) == 1, "the audio has a gap"
    talking = [at for at, frame in harness.shown if frame is TALK]
    assert len(talking) == pytest.approx(min(50, 2.0 / each_s), abs=2)
    await asyncio.sleep(2 * each_s)
    assert harness.states == [("a", "playing"), ("a", "done")]


@pytest.mark.parametrize("stall_s", [0.3, 0.6])
@with_worker
async def test_frames_are_on_time_again_after_a_stall(
    harness: WorkerHarness, stall_s: float
) -> None:
    """A chunk's sound is its number, and so is its frame; it is due when that is heard."""
    harness.renderer.response = lambda chunk: [VideoFrame(1, 1, chunk[:2] * 2)]
    await harness.say(b"".join(struct.pack("<h", chunk) * 960 for chunk in range(75)))
    await asyncio.sleep(0.5)
    harness.executor.each_s = stall_s
    await asyncio.sleep(0.1)
    harness.executor.each_s = 0.005
    await asyncio.sleep(2.3)
    began = harness.runs[0].at_s
    late = [
        (at, at - began - VIDEO_DELAY_S - frame.rgba[0] * 0.04)  # 40 ms each
        for at, frame in harness.shown
        if frame.width == 1
    ]
    worst_s = max(lag for _, lag in late)
    ahead_s = stall_s - worst_s  # it draws before the sound leaves the queue
    assert LOW_S + VIDEO_DELAY_S <= ahead_s <= LOW_S + VIDEO_DELAY_S + 2 * FRAME_S
    assert all(abs(lag) < 0.04 for at, lag in late if at > began + 0.6 + stall_s + 0.05)


@with_worker
async def test_worker_with_a_hung_renderer_sends_no_heartbeat(harness: WorkerHarness) -> None:
    harness.executor.each_s = 60.0
    await harness.say(speech(5.0))
    await asyncio.sleep(HUNG_S + 0.2)
    reported = len(harness.reports)
    await asyncio.sleep(1.0)
    assert len(harness.reports) == reported
    assert RATE.duration_s(len(harness.heard)) > 2.0
    harness.executor.each_s = 0.0


@pytest.mark.parametrize("phase_ms", range(0, 40, 5))
@with_worker
async def test_worker_shows_frames_at_a_constant_rate(
    harness: WorkerHarness, phase_ms: int
) -> None:
    harness.executor.each_s = 0.006
    await asyncio.sleep(1.0 + phase_ms / 1000)
    await harness.whole(2.0)
    await harness.whole(0.53, "b")
    await asyncio.sleep(1.0)
    shown = harness.shown
    assert max(after[0] - before[0] for before, after in pairwise(shown)) < 0.065
    talking = [at for at, frame in shown if frame is TALK]
    assert len(talking) == 50 + 14
    began = harness.runs[0].at_s
    assert talking[0] - began == pytest.approx(VIDEO_DELAY_S, abs=0.011)
    assert talking[49] - talking[0] == pytest.approx(49 * 0.04, abs=0.021)


@with_worker
async def test_worker_shows_no_frame_of_a_take_after_its_cut(harness: WorkerHarness) -> None:
    await harness.say(speech(1.0))
    await asyncio.sleep(0.5)
    await harness.clear()
    at = now()
    await asyncio.sleep(0.5)
    assert all(frame is IDLE for when, frame in harness.shown if when > at)


@pytest.mark.parametrize("cut_ms", range(300, 460, 20))
@with_worker
async def test_idle_frames_follow_a_cut_without_a_gap(harness: WorkerHarness, cut_ms: int) -> None:
    await harness.say(speech(2.0))
    await asyncio.sleep(cut_ms / 1000)
    await harness.clear()
    await asyncio.sleep(0.5)
    assert max(after[0] - before[0] for before, after in pairwise(harness.shown)) < 0.065


@with_worker
async def test_renderer_is_notified_of_discarded_frames(
    harness: WorkerHarness,
) -> None:
    await harness.say(speech(2.0))
    await asyncio.sleep(0.5)
    await harness.clear()
    await asyncio.sleep(0.5)
    seen = sum(frame is TALK for _, frame in harness.shown)
    assert harness.renderer.discarded == [len(harness.renderer.sizes) - seen]
    assert harness.renderer.discarded[0] >= 2, "no frame was drawn ahead"
