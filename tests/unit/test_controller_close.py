"""Closing, in virtual time: from anywhere, in bounded time, and all that is bought is ended."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import Scene, Vendor, released_once, tracks_of_the_agent
from avatar_core.testing.link_spy import Tap
from avatar_core.testing.room.room import MemoryRoom

pytestmark = pytest.mark.virtual_time


async def test_closing_while_it_provisions_ends_what_was_claimed(room: MemoryRoom) -> None:
    vendor = Vendor(room)
    vendor.provision_s, vendor.claims_first = 10.0, True
    scene = Scene(room, vendor)
    starting = asyncio.create_task(scene.controller.start())
    await asyncio.sleep(1.0)
    await scene.close()
    await starting
    assert len(vendor.released) == 1
    assert released_once(vendor)


async def test_closing_while_it_joins_ends_it(room: MemoryRoom) -> None:
    vendor = Vendor(room)
    vendor.join_s = 10.0
    scene = Scene(room, vendor)
    await scene.controller.start()
    await scene.close()
    assert released_once(vendor)


async def test_a_release_that_hangs_is_bounded(room: MemoryRoom) -> None:
    vendor = Vendor(room)
    vendor.release_s = 60.0
    scene = Scene(room, vendor)
    await scene.controller.start()
    await scene.controller.settled()
    closing_at = now()
    await scene.close()
    assert now() - closing_at <= 4.1
    for worker in vendor.workers.values():
        worker.cancel()


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_provider_lets_go_of_its_connections_last(room: MemoryRoom, hangs: bool) -> None:
    class Pooling(Vendor):
        ends: list[str]

        async def aclose(self) -> None:
            self.ends = [session for session, _ in self.released]
            if hangs:
                await asyncio.Event().wait()

    vendor = Pooling(room)
    scene = Scene(room, vendor)
    await scene.controller.start()
    await scene.controller.settled()
    closing_at = now()
    await scene.close()
    assert vendor.ends == vendor.bought
    assert now() - closing_at <= 0.5


@pytest.mark.parametrize("hangs", [True, False])
async def test_closing_does_not_wait_for_a_voice(room: MemoryRoom, hangs: bool) -> None:
    scene = Scene(room)
    tap = Tap(scene.agent)
    tap.hang = {"audio"} if hangs else set()
    await scene.controller.start()
    over = scene.begin(1.0)
    await asyncio.sleep(0.3)
    closing_at = now()
    await scene.close()
    assert now() - closing_at < 0.1
    assert (await over)[1]
    assert tracks_of_the_agent(room) == set()


async def test_nothing_is_published_after_the_end(room: MemoryRoom) -> None:
    scene = Scene(room)
    await scene.controller.start()
    await scene.controller.aclose("the test is over")
    assert await scene.say(1.0) == (0.0, True)
    assert tracks_of_the_agent(room) == set()
    await scene.close()


async def test_closing_twice_is_closing_once(room: MemoryRoom) -> None:
    vendor = Vendor(room)
    scene = Scene(room, vendor)
    await scene.controller.start()
    await asyncio.gather(scene.close(), scene.close())
    assert released_once(vendor)
