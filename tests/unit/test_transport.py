"""Transports: faulty sinks, latency, gaps, closed rooms, and the observers of a loss."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.events import AvatarFailed, AvatarState
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.playback.transport import Transport
from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.fake_transport import FakeTransport, lost_error, speech
from avatar_core.testing.faults.stock_wire import StockWireLink
from avatar_core.testing.flash_renderer import FlashRenderer
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import (
    AGENT,
    FORMAT,
    ScriptedProvider,
    each_released_once,
)
from avatar_core.testing.timeline import Timeline
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.worker import AvatarWorker
from tests.unit.test_lease import FaultyProvider, start_harness

pytestmark = pytest.mark.virtual_time


class StockProvider(ScriptedProvider):
    """A provider whose worker uses the stock wire and reports no positions."""

    async def _work(self, identity: str) -> None:
        link = self._room.join(identity, is_agent=True, attributes={PUBLISH_ON_BEHALF: AGENT})
        stock = StockWireLink(link)
        await AvatarWorker(stock, FlashRenderer(64, 64), executor=InlineExecutor()).run()


@pytest.mark.parametrize("call", ["begin", "push", "end", "cut"])
async def test_sink_that_cancels_itself_loses_no_speech(call: str) -> None:
    room = MemoryRoom()
    harness = await start_harness(
        FaultyProvider(room, **{f"sink_{call}": asyncio.CancelledError()}), room=room
    )
    over = harness.push_speech(1.0)
    await asyncio.sleep(0.5)
    if call == "cut":
        harness.player.pause()
        harness.player.resume()
    assert await over == (pytest.approx(1.0), False)
    assert await harness.say(1.0) == (pytest.approx(1.0), False)
    assert harness.takes[-1] == ("voice", "done")
    await harness.close()


@pytest.mark.parametrize(
    ("latency_s", "run_ahead_s"), [(0.95, 1.0), (1.2, 1.0), (0.6, 0.5), (0.4, 0.03), (0.0, 0.0)]
)
async def test_run_ahead_prevents_gaps_at_any_latency(latency_s: float, run_ahead_s: float) -> None:
    room = MemoryRoom()
    provider = StockProvider(room)
    provider.capabilities = Capabilities(
        audio=FORMAT, playout_latency_s=latency_s, run_ahead_s=run_ahead_s, expected_join_s=1.0
    )
    harness = await start_harness(provider, room=room)
    began = now()
    assert await harness.say(5.0) == (pytest.approx(5.0), False)
    assert now() - began < 5.5
    assert len(room.recording.runs) == 1
    assert harness.takes[-1] == (provider.name, "done")
    await harness.close()


async def test_gap_in_the_pushed_audio_keeps_the_transport() -> None:
    room = MemoryRoom()
    harness = await start_harness(ScriptedProvider(room), room=room)
    pcm = speech(2.0)
    over = harness.finished[1] = asyncio.get_running_loop().create_future()
    for start in range(0, len(pcm) // 2, 960):
        harness.player.push(pcm[start : start + 960], FORMAT)
    await asyncio.sleep(100.0)
    harness.player.push(pcm[len(pcm) // 2 :], FORMAT)
    harness.player.end()
    assert await over == (pytest.approx(2.0), False)
    assert {provider for provider, _ in harness.takes} == {"vendor"}
    await harness.close()


async def test_avatar_that_joined_meanwhile_replaces_a_lost_voice() -> None:
    room = MemoryRoom()
    provider = ScriptedProvider(room)
    provider.join_s = 3.0
    provider.capabilities = replace(provider.capabilities, expected_join_s=0.5)
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    over = harness.push_speech(8.0)
    await harness.controller.wait_until_settled()
    await asyncio.sleep(1.0)
    voice = harness.controller._voice.transport
    assert voice is not None
    assert voice.take is harness.player.take is not None

    async def raise_error(_: bytes) -> None:
        raise RuntimeError("the track closed")

    voice.sink.push = raise_error  # type: ignore[method-assign]
    assert await over == (pytest.approx(8.0), False)
    assert harness.unplayable_errors == []
    await harness.close()


async def test_closed_room_stops_provisioning() -> None:
    room = MemoryRoom()
    first, second = ScriptedProvider(room, "a"), ScriptedProvider(room, "b")
    harness = await start_harness(first, second, room=room)
    over = harness.push_speech(4.0)
    await asyncio.sleep(1.5)
    room.remove(AGENT)
    assert (await over)[1]
    await asyncio.sleep(60.0)
    assert second.provisioned == []
    await harness.close()


async def test_avatar_whose_sink_raises_in_a_cut_is_replaced_at_once() -> None:
    room = MemoryRoom()
    faulty, second = (
        FaultyProvider(room, "a", sink_cut=ValueError("a bug")),
        ScriptedProvider(room, "b"),
    )
    harness = await start_harness(faulty, second, room=room)
    over = harness.push_speech(5.0)
    await harness.wait_until(lambda: bool(harness.started), within_s=5.0)
    harness.player.clear()
    assert (await over)[1] is True
    assert harness.controller.state is AvatarState.VOICE
    assert await harness.controller.wait_until_settled() is not None
    assert harness.controller.lease is not None
    assert harness.controller.lease.provider is second
    assert [event.error.provider for event in harness.events_of(AvatarFailed)] == ["a"]
    await harness.close()
    assert each_released_once(faulty)


def make_transport(provider: str = "a") -> Transport:
    fake = FakeTransport(provider, Timeline())
    return fake.transport


async def test_lose_keeps_the_first_error_and_notifies_once() -> None:
    first, second = lost_error("first"), lost_error("second")
    one, seen = make_transport(), list[AvatarError]()
    one.on_lost(seen.append)
    assert one.lost is None
    one.lose(first)
    one.lose(second)
    assert one.lost is first
    assert seen == [first]


async def test_observer_added_after_the_loss_is_called_at_once() -> None:
    one, seen = make_transport(), list[AvatarError]()
    one.lose(lost_error("first"))
    one.on_lost(seen.append)
    assert seen == [one.lost]


async def test_removed_observer_is_not_called() -> None:
    one, seen = make_transport(), list[AvatarError]()
    remove = one.on_lost(seen.append)
    remove()
    remove()
    one.lose(lost_error("first"))
    assert seen == []
