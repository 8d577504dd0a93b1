"""What a sink, a latency, a pause or a closed room does to speech on a transport."""

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
from avatar_core.testing.failover_harness import AGENT, FORMAT, Scene, Vendor
from avatar_core.testing.fake_transport import FakeTransport, lost, speech
from avatar_core.testing.flash_renderer import FlashRenderer
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.timeline import Timeline
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.worker import AvatarWorker
from tests.unit.test_lease import Broken, released_once, started

pytestmark = pytest.mark.virtual_time


class Stock(Vendor):
    """Its worker speaks the stock wire: nobody tells how far the sound is."""

    async def _work(self, identity: str) -> None:
        link = self._room.join(identity, is_agent=True, attributes={PUBLISH_ON_BEHALF: AGENT})
        await AvatarWorker(link, FlashRenderer(64, 64), executor=InlineExecutor(), stock=True).run()


@pytest.mark.parametrize("call", ["begin", "push", "end", "cut"])
async def test_a_sink_that_cancels_itself_loses_no_speech(call: str) -> None:
    room = MemoryRoom()
    scene = await started(Broken(room, **{f"sink_{call}": asyncio.CancelledError()}), room=room)
    over = scene.begin(1.0)
    await asyncio.sleep(0.5)
    if call == "cut":
        scene.player.pause()
        scene.player.resume()
    assert await over == (pytest.approx(1.0), False)
    assert await scene.say(1.0) == (pytest.approx(1.0), False)
    assert scene.takes[-1] == ("voice", "done")
    await scene.close()


@pytest.mark.parametrize(
    ("latency_s", "run_ahead_s"), [(0.95, 1.0), (1.2, 1.0), (0.6, 0.5), (0.4, 0.03), (0.0, 0.0)]
)
async def test_a_latency_never_eats_the_run_ahead(latency_s: float, run_ahead_s: float) -> None:
    room = MemoryRoom()
    vendor = Stock(room)
    vendor.capabilities = Capabilities(
        audio=FORMAT, playout_latency_s=latency_s, run_ahead_s=run_ahead_s, expected_join_s=1.0
    )
    scene = await started(vendor, room=room)
    began = now()
    assert await scene.say(5.0) == (pytest.approx(5.0), False)
    assert now() - began < 5.5
    assert len(room.recording.runs) == 1
    await scene.close()


async def test_a_pause_in_a_speech_is_no_loss() -> None:
    room = MemoryRoom()
    scene = await started(Vendor(room), room=room)
    pcm = speech(2.0)
    over = scene.finished[1] = asyncio.get_running_loop().create_future()
    for start in range(0, len(pcm) // 2, 960):
        scene.player.push(pcm[start : start + 960], FORMAT)
    await asyncio.sleep(100.0)
    scene.player.push(pcm[len(pcm) // 2 :], FORMAT)
    scene.player.end()
    assert await over == (pytest.approx(2.0), False)
    assert {provider for provider, _ in scene.takes} == {"vendor"}
    await scene.close()


async def test_a_voice_that_breaks_is_followed_by_an_avatar_that_has_come_meanwhile() -> None:
    room = MemoryRoom()
    vendor = Vendor(room)
    vendor.join_s = 3.0
    vendor.capabilities = replace(vendor.capabilities, expected_join_s=0.5)
    scene = Scene(room, vendor)
    await scene.controller.start()
    over = scene.begin(8.0)
    await scene.controller.settled()
    await asyncio.sleep(1.0)
    voice = scene.controller._voice.transport
    assert voice is not None
    assert voice.take is scene.player.take is not None

    async def broken(_: bytes) -> None:
        raise RuntimeError("its track broke")

    voice.sink.push = broken  # type: ignore[method-assign]
    assert await over == (pytest.approx(8.0), False)
    assert scene.unspoken == []
    await scene.close()


async def test_nothing_is_bought_for_a_room_that_is_closed() -> None:
    room = MemoryRoom()
    first, second = Vendor(room, "a"), Vendor(room, "b")
    scene = await started(first, second, room=room)
    over = scene.begin(4.0)
    await asyncio.sleep(1.5)
    room.remove(AGENT)
    assert (await over)[1]
    await asyncio.sleep(60.0)
    assert second.bought == []
    await scene.close()


async def test_a_sink_that_raises_in_an_interruption_is_replaced_at_once() -> None:
    room = MemoryRoom()
    broken, second = Broken(room, "a", sink_cut=ValueError("a bug")), Vendor(room, "b")
    scene = await started(broken, second, room=room)
    over = scene.begin(5.0)
    await scene.until(lambda: bool(scene.started), within_s=5.0)
    scene.player.clear()
    assert (await over)[1] is True
    assert scene.controller.state is AvatarState.VOICE
    assert await scene.controller.settled() is not None
    assert scene.controller.lease is not None
    assert scene.controller.lease.provider is second
    assert [error.provider for error in (event.error for event in scene.told(AvatarFailed))] == [
        "a"
    ]
    await scene.close()
    assert released_once(broken)


def transport(provider: str = "a") -> Transport:
    fake = FakeTransport(provider, Timeline())
    return fake.transport


async def test_the_first_loss_of_a_transport_counts_and_is_told_once() -> None:
    first, second = lost("first"), lost("second")
    one, seen = transport(), list[AvatarError]()
    one.on_lost(seen.append)
    assert one.lost is None
    one.lose(first)
    one.lose(second)
    assert one.lost is first
    assert seen == [first]


async def test_an_observer_that_comes_after_the_loss_is_called_at_once() -> None:
    one, seen = transport(), list[AvatarError]()
    one.lose(lost("first"))
    one.on_lost(seen.append)
    assert seen == [one.lost]


async def test_an_observer_that_was_withdrawn_is_not_called() -> None:
    one, seen = transport(), list[AvatarError]()
    withdraw = one.on_lost(seen.append)
    withdraw()
    withdraw()
    one.lose(lost("first"))
    assert seen == []
