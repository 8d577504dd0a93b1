"""What an AvatarWorker shows: in time, and never at the cost of sound."""

from __future__ import annotations

import asyncio
import struct
from itertools import pairwise
from typing import Any

import pytest

from avatar_core.contracts.renderer import VideoFrame
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.worker_harness import IDLE, RATE, TALK, Stage, staged
from avatar_core.worker.pacer import FRAME_S, LOW_S, VIDEO_DELAY_S
from avatar_core.worker.video_scheduler import HUNG_S

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("a defect"),
        (),
        None,
        [TALK] * 500,
        [VideoFrame(2, 2, b"")],
        [None],
        [VideoFrame(1, 1, bytes(4))],
        "pictures",
    ],
    ids=["raises", "none", "no list", "many", "a size", "no picture", "small", "text"],
)
@staged
async def test_a_renderer_costs_pictures_and_never_sound(stage: Stage, answer: Any) -> None:
    stage.renderer.answer = answer
    pcm = await stage.whole(0.5)
    assert stage.heard == pcm
    assert stage.states == [("a", "playing"), ("a", "done")]
    await asyncio.sleep(0.2)
    shown = len(stage.shown)
    await asyncio.sleep(1.0)
    idle = stage.shown[shown:]
    assert len(idle) == pytest.approx(25, abs=2)
    assert all(picture is IDLE for _, picture in idle), "nothing stale is shown"
    stage.renderer.answer = (TALK,)
    before = len(stage.heard)
    assert await stage.whole(0.5, "b") == stage.heard[before:]


@pytest.mark.parametrize("each_s", [0.03, 0.05, 0.06, 0.15])
@staged
async def test_a_slow_renderer_costs_pictures_and_never_sound(stage: Stage, each_s: float) -> None:
    stage.executor.each_s = each_s
    pcm = await stage.whole(2.0)
    assert stage.heard == pcm
    assert len(stage.runs) == 1, "no gap is heard"
    talking = [at for at, picture in stage.shown if picture is TALK]
    assert len(talking) == pytest.approx(min(50, 2.0 / each_s), abs=2)
    await asyncio.sleep(2 * each_s)
    assert stage.states == [("a", "playing"), ("a", "done")]


@pytest.mark.parametrize("stall_s", [0.3, 0.6])
@staged
async def test_pictures_are_in_time_again_after_a_stall(stage: Stage, stall_s: float) -> None:
    """A chunk's sound is its number, and so is its picture; it is due when that is heard."""
    stage.renderer.answer = lambda chunk: [VideoFrame(1, 1, chunk[:2] * 2)]
    await stage.say(b"".join(struct.pack("<h", chunk) * 960 for chunk in range(75)))
    await asyncio.sleep(0.5)
    stage.executor.each_s = stall_s
    await asyncio.sleep(0.1)
    stage.executor.each_s = 0.005
    await asyncio.sleep(2.3)
    began = stage.runs[0].at_s
    late = [
        (at, at - began - VIDEO_DELAY_S - picture.rgba[0] * 0.04)  # 40 ms each
        for at, picture in stage.shown
        if picture.width == 1
    ]
    worst_s = max(lag for _, lag in late)
    ahead_s = stall_s - worst_s  # it draws before the sound leaves the queue
    assert LOW_S + VIDEO_DELAY_S <= ahead_s <= LOW_S + VIDEO_DELAY_S + 2 * FRAME_S
    assert all(abs(lag) < 0.04 for at, lag in late if at > began + 0.6 + stall_s + 0.05)


@staged
async def test_a_face_that_stands_still_gives_no_pulse(stage: Stage) -> None:
    stage.executor.each_s = 60.0
    await stage.say(speech(5.0))
    await asyncio.sleep(HUNG_S + 0.2)
    told = len(stage.reports)
    await asyncio.sleep(1.0)
    assert len(stage.reports) == told
    assert RATE.duration_s(len(stage.heard)) > 2.0
    stage.executor.each_s = 0.0


@pytest.mark.parametrize("phase_ms", range(0, 40, 5))
@staged
async def test_pictures_keep_their_pace(stage: Stage, phase_ms: int) -> None:
    stage.executor.each_s = 0.006
    await asyncio.sleep(1.0 + phase_ms / 1000)
    await stage.whole(2.0)
    await stage.whole(0.53, "b")
    await asyncio.sleep(1.0)
    shown = stage.shown
    assert max(after[0] - before[0] for before, after in pairwise(shown)) < 0.065
    talking = [at for at, picture in shown if picture is TALK]
    assert len(talking) == 50 + 14
    began = stage.runs[0].at_s
    assert talking[0] - began == pytest.approx(VIDEO_DELAY_S, abs=0.011)
    assert talking[49] - talking[0] == pytest.approx(49 * 0.04, abs=0.021)


@staged
async def test_a_cut_shows_no_more_of_it(stage: Stage) -> None:
    await stage.say(speech(1.0))
    await asyncio.sleep(0.5)
    await stage.clear()
    at = now()
    await asyncio.sleep(0.5)
    assert all(picture is IDLE for when, picture in stage.shown if when > at)


@pytest.mark.parametrize("cut_ms", range(300, 460, 20))
@staged
async def test_a_cut_face_listens_at_once(stage: Stage, cut_ms: int) -> None:
    await stage.say(speech(2.0))
    await asyncio.sleep(cut_ms / 1000)
    await stage.clear()
    await asyncio.sleep(0.5)
    assert max(after[0] - before[0] for before, after in pairwise(stage.shown)) < 0.065


@staged
async def test_a_renderer_learns_which_of_its_pictures_were_never_seen(stage: Stage) -> None:
    await stage.say(speech(2.0))
    await asyncio.sleep(0.5)
    await stage.clear()
    await asyncio.sleep(0.5)
    seen = sum(picture is TALK for _, picture in stage.shown)
    assert stage.renderer.withdrawn == [len(stage.renderer.sizes) - seen]
    assert stage.renderer.withdrawn[0] >= 2, "some are drawn ahead"
