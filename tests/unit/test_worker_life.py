"""An AvatarWorker starts and ends with its agent, its room and its tracks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError, WorkerError
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.room.room import UNANNOUNCED_S, MemoryRoom
from avatar_core.testing.scripted_renderer import ScriptedRenderer
from avatar_core.testing.worker_harness import WorkerHarness, with_worker
from avatar_core.worker.worker import AvatarWorker

pytestmark = pytest.mark.virtual_time


async def test_worker_raises_if_its_token_names_no_agent() -> None:
    with pytest.raises(WorkerError):
        AvatarWorker(MemoryRoom().join("avatar"), ScriptedRenderer())


@with_worker
async def test_worker_is_silent_until_its_agent_returns(harness: WorkerHarness) -> None:
    await harness.say(speech(2.0))
    await asyncio.sleep(0.3)
    harness.room.reconnect("agent", away_s=4.55)
    await asyncio.sleep(0.05)
    heard = len(harness.heard)
    await asyncio.sleep(4.49)
    assert len(harness.heard) == heard, "the worker spoke while its agent was away"
    assert not harness.running.done()
    await asyncio.sleep(10.0)
    pcm = await harness.whole(0.5, "again")
    assert harness.heard[heard:] == pcm


@with_worker
async def test_worker_serves_a_new_participant_with_its_agents_identity(
    harness: WorkerHarness,
) -> None:
    await asyncio.sleep(UNANNOUNCED_S)
    await harness.say(speech(2.0))
    await asyncio.sleep(0.3)
    harness.room.remove("agent")
    await asyncio.sleep(1.0)
    heard = len(harness.heard)
    harness.agent = harness.room.join("agent", is_agent=True)
    harness.listen()
    await asyncio.sleep(10.0)
    assert len(harness.heard) == heard, "the worker spoke while its agent was away"
    pcm = await harness.whole(0.5, "new")
    assert harness.heard[heard:] == pcm
    assert harness.states[-2:] == [("new", "playing"), ("new", "done")]


@with_worker
async def test_worker_ends_5_s_after_its_agent_left(harness: WorkerHarness) -> None:
    await asyncio.sleep(UNANNOUNCED_S)
    await harness.say(speech(2.0))
    assert harness.room.members["avatar"].tracks == {"audio", "video"}
    harness.room.remove("agent")
    began = now()
    await harness.running
    assert now() - began == pytest.approx(5.0, abs=0.01)
    assert harness.room.members["avatar"].tracks == set()


async def test_worker_ends_after_30_s_without_an_agent() -> None:
    harness = WorkerHarness(agent=False)
    began = now()
    await harness.running
    assert now() - began == pytest.approx(30.0, abs=0.01)
    await harness.aclose()


@with_worker
async def test_worker_ends_if_it_is_removed_from_the_room(harness: WorkerHarness) -> None:
    await harness.say(speech(2.0))
    await asyncio.sleep(0.3)
    harness.room.remove("avatar")
    heard = len(harness.heard)
    await asyncio.wait_for(harness.running, 1.0)
    assert 0 < len(harness.heard) == heard


@pytest.mark.parametrize("kind", ["audio", "video"])
async def test_worker_raises_if_a_track_cannot_be_published(kind: str) -> None:
    harness = WorkerHarness()
    harness.tap.refuse.add(kind)
    with pytest.raises(RoomError):
        await harness.running
    harness.check_stopped()


async def test_speech_waits_until_the_tracks_are_published() -> None:
    harness = WorkerHarness()
    harness.tap.hang.add("audio")
    await asyncio.sleep(0.01)
    harness.running.cancel()
    await asyncio.gather(harness.running, return_exceptions=True)
    harness.check_stopped()
    harness = WorkerHarness()
    gate = asyncio.Event()
    publish = harness.link.publish_audio

    async def late(format: AudioFormat, *, name: str) -> Any:
        await gate.wait()
        return await publish(format, name=name)

    harness.link.publish_audio = late  # type: ignore[method-assign]
    await asyncio.sleep(0.01)
    await harness.say(speech(0.4), "cut")
    await harness.clear_take("cut")
    pcm = speech(0.4, seed=1)
    await (await harness.say(pcm, "kept")).aclose()
    await asyncio.sleep(0.5)
    gate.set()
    await asyncio.sleep(1.0)
    assert harness.heard == pcm
    assert harness.states == [("cut", "cut"), ("kept", "playing"), ("kept", "done")]
    await harness.aclose()
