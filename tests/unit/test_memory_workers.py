"""Workers in a room in memory start, report failures, and stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from avatar_core.contracts.errors import RoomError, WorkerError
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.testing.clock import now
from avatar_core.testing.faults.memory_worker import start_faulty_task
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.room.link import MemoryLink
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.room.workers import MemoryWorkers, mint
from avatar_core.worker import in_process
from avatar_core.worker.process import stop_worker, worker_exited

FLASH = "avatar_core.testing.flash_renderer:FlashRenderer"
PATIENCE_S = 60.0
SERVES = {PUBLISH_ON_BEHALF: "agent"}

Start = Callable[[MemoryRoom, str], Awaitable[Mapping[str, Any]]]


def token(**attributes: str) -> str:
    return mint(TokenSpec(identity="avatar", attributes=attributes))


async def plain(room: MemoryRoom, token: str) -> Mapping[str, Any]:
    return await MemoryWorkers(room)(FLASH, token=token, options={"width": 64, "height": 64})


async def faulty(room: MemoryRoom, token: str) -> Mapping[str, Any]:
    return await start_faulty_task(room, FLASH, token=token, scenario=Scenario(loss=0.1))


pytestmark = [pytest.mark.virtual_time, pytest.mark.parametrize("start", [plain, faulty])]


async def test_start_returns_once_both_tracks_are_published(
    start: Start,
) -> None:
    room = MemoryRoom()
    room.agent()
    state = await start(room, token(**SERVES))
    assert room.members["avatar"].tracks == {"audio", "video"}
    await stop_worker(state)
    assert "avatar" not in room.members
    await stop_worker(state)
    assert await worker_exited(state) == "its worker exited"


async def test_start_raises_if_the_token_names_no_agent(start: Start) -> None:
    room = MemoryRoom()
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(WorkerError, match="does not name the agent of the avatar"):
            await start(room, token())
    assert room.members == {}


async def test_start_raises_the_error_of_a_worker_that_fails_before_it_is_ready(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise RoomError("no track may be published.")

    monkeypatch.setattr(MemoryLink, "publish_audio", refuse)
    room = MemoryRoom()
    room.agent()
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(RoomError, match="no track may be published"):
            await start(room, token(**SERVES))
    assert "avatar" not in room.members


async def test_start_raises_an_unexpected_error_of_a_worker_as_worker_error(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(MemoryLink, "publish_audio", broken)
    room = MemoryRoom()
    room.agent()
    with pytest.raises(WorkerError, match=r"before it was ready.*ZeroDivisionError") as caught:
        await start(room, token(**SERVES))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert now() < 1.0


async def test_start_raises_if_the_worker_is_cancelled_before_it_is_ready(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = MemoryRoom()
    room.agent()

    async def kicked(link: MemoryLink, *_: object, **__: object) -> None:
        task = asyncio.current_task()
        assert task is not None
        room.remove("avatar")
        task.cancel()
        await asyncio.sleep(0)

    monkeypatch.setattr(MemoryLink, "publish_audio", kicked)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(WorkerError, match="ended before it was ready"):
            await start(room, token(**SERVES))


async def test_cancelled_start_leaves_no_worker_in_the_room(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing = asyncio.Event()

    async def never(*_: object, **__: object) -> None:
        publishing.set()
        await asyncio.Future()

    monkeypatch.setattr(MemoryLink, "publish_video", never)
    room = MemoryRoom()
    room.agent()
    starting = asyncio.ensure_future(start(room, token(**SERVES)))
    await publishing.wait()
    assert "avatar" in room.members
    starting.cancel()
    await asyncio.wait((starting,))
    assert starting.cancelled()
    assert "avatar" not in room.members
    assert in_process._running == {}


async def test_stop_cancels_a_worker_that_hangs_while_it_closes(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = MemoryRoom()
    room.agent()

    async def hang(_: object) -> None:
        await asyncio.Future()

    monkeypatch.setattr("avatar_core.worker.receiver.Receiver.aclose", hang)
    state = await start(room, token(**SERVES))
    began = now()
    await stop_worker(state)
    assert now() - began == pytest.approx(in_process.STOP_S)
    assert "avatar" not in room.members


async def test_worker_that_fails_later_logs_its_error(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    room = MemoryRoom()
    room.agent()

    async def broken(_: object) -> None:
        raise RuntimeError("its track is broken")

    monkeypatch.setattr("avatar_core.worker.receiver.Receiver.aclose", broken)
    state = await start(room, token(**SERVES))
    room.remove("avatar")
    await worker_exited(state)
    assert "An avatar worker ended with an unexpected error." in caplog.text
    assert "its track is broken" in caplog.text
