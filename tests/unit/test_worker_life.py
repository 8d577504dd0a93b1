"""How an AvatarWorker begins and ends: the agent, the room, the tracks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError, WorkerError
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.room.room import UNANNOUNCED_S, MemoryRoom
from avatar_core.testing.worker_harness import Pictures, Stage, staged
from avatar_core.worker.worker import AvatarWorker

pytestmark = pytest.mark.virtual_time


async def test_a_token_that_names_no_agent() -> None:
    with pytest.raises(WorkerError):
        AvatarWorker(MemoryRoom().join("avatar"), Pictures())


@staged
async def test_the_agent_returns_in_time(stage: Stage) -> None:
    await stage.say(speech(2.0))
    await asyncio.sleep(0.3)
    stage.room.reconnect("agent", away_s=4.55)
    await asyncio.sleep(0.05)
    heard = len(stage.heard)
    await asyncio.sleep(4.49)
    assert len(stage.heard) == heard, "it falls silent when its agent leaves"
    assert not stage.running.done()
    await asyncio.sleep(10.0)
    pcm = await stage.whole(0.5, "again")
    assert stage.heard[heard:] == pcm


@staged
async def test_another_of_the_agents_name_is_its_agent(stage: Stage) -> None:
    await asyncio.sleep(UNANNOUNCED_S)
    await stage.say(speech(2.0))
    await asyncio.sleep(0.3)
    stage.room.remove("agent")
    await asyncio.sleep(1.0)
    heard = len(stage.heard)
    stage.agent = stage.room.join("agent", is_agent=True)
    stage.listen()
    await asyncio.sleep(10.0)
    assert len(stage.heard) == heard, "it is silent as soon as its agent leaves"
    pcm = await stage.whole(0.5, "new")
    assert stage.heard[heard:] == pcm
    assert stage.states[-2:] == [("new", "playing"), ("new", "done")]


@staged
async def test_the_agent_leaves_for_good(stage: Stage) -> None:
    await asyncio.sleep(UNANNOUNCED_S)
    await stage.say(speech(2.0))
    assert stage.room.members["avatar"].tracks == {"audio", "video"}
    stage.room.remove("agent")
    began = now()
    await stage.running
    assert now() - began == pytest.approx(5.0, abs=0.01)
    assert stage.room.members["avatar"].tracks == set()


async def test_the_agent_never_comes() -> None:
    stage = Stage(agent=False)
    began = now()
    await stage.running
    assert now() - began == pytest.approx(30.0, abs=0.01)
    await stage.aclose()


@staged
async def test_the_room_goes_away(stage: Stage) -> None:
    await stage.say(speech(2.0))
    await asyncio.sleep(0.3)
    stage.room.remove("avatar")
    heard = len(stage.heard)
    await asyncio.wait_for(stage.running, 1.0)
    assert 0 < len(stage.heard) == heard


@pytest.mark.parametrize("kind", ["audio", "video"])
async def test_tracks_that_cannot_be_published(kind: str) -> None:
    stage = Stage()
    stage.tap.refuse.add(kind)
    with pytest.raises(RoomError):
        await stage.running
    stage.is_gone()


async def test_speech_before_the_tracks_are_published() -> None:
    stage = Stage()
    stage.tap.hang.add("audio")
    await asyncio.sleep(0.01)
    stage.running.cancel()
    await asyncio.gather(stage.running, return_exceptions=True)
    stage.is_gone()
    stage = Stage()
    gate = asyncio.Event()
    publish = stage.link.publish_audio

    async def late(format: AudioFormat, *, name: str) -> Any:
        await gate.wait()
        return await publish(format, name=name)

    stage.link.publish_audio = late  # type: ignore[method-assign]
    await asyncio.sleep(0.01)
    await stage.say(speech(0.4), "cut")
    await stage.clear_take("cut")
    pcm = speech(0.4, seed=1)
    await (await stage.say(pcm, "kept")).aclose()
    await asyncio.sleep(0.5)
    gate.set()
    await asyncio.sleep(1.0)
    assert stage.heard == pcm
    assert stage.states == [("cut", "cut"), ("kept", "playing"), ("kept", "done")]
    await stage.aclose()
