"""`RendererProvider` starts and stops the worker of avatar-core, with and without faults."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from avatar_core.bases.renderer import RendererProvider
from avatar_core.contracts.errors import WorkerError
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest, StartWorker
from avatar_core.processes import ProcessRecord
from avatar_core.settings import ProviderSettings
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.faults.start import start_faulty_worker
from avatar_core.testing.flash_renderer import FlashRenderer
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.room.workers import MemoryWorkers, mint
from avatar_core.worker.process import stop_worker

FLASH = "avatar_core.testing.flash_renderer:FlashRenderer"
PATIENCE_S = 30.0


class FrameSettings(ProviderSettings):
    """The size of the frames."""

    provider: ClassVar[str] = "drawn"

    size: int = 64


class Drawn(RendererProvider[FrameSettings]):
    """A provider as an author writes it."""

    name = "drawn"
    api_version = (1, 0)
    renderer = FLASH

    def options(self) -> Mapping[str, Any]:
        return {"width": self.settings.size, "height": self.settings.size}


class Missing(Drawn):
    """Its renderer does not exist."""

    renderer = "nowhere.at_all:Nobody"


class Claims(list[ProvisionedAvatar]):
    """The claimed sessions."""

    def __call__(self, avatar: ProvisionedAvatar) -> None:
        self.append(avatar)


def request_in(start_worker: StartWorker, claims: Claims) -> ProvisionRequest:
    return ProvisionRequest(
        key="room-1",
        livekit_url="ws://127.0.0.1:9",
        room_name="room",
        agent_identity="agent",
        identity="drawn-avatar-1",
        deadline_s=20.0,
        mint=mint,
        claim=claims,
        start_worker=start_worker,
    )


@pytest.mark.virtual_time
async def test_worker_is_in_the_room_from_provision_to_release() -> None:
    room, claims = MemoryRoom(), Claims()
    room.agent()
    provider = Drawn(FrameSettings())
    avatar = await provider.provision(request_in(MemoryWorkers(room), claims))
    assert claims == [avatar]
    assert (avatar.session_id, avatar.identity) == ("room-1", "drawn-avatar-1")
    assert room.members["drawn-avatar-1"].tracks == {"audio", "video"}
    watching = asyncio.create_task(provider.watch(avatar))
    await asyncio.sleep(1.0)
    assert not watching.done()
    elsewhere = Drawn(FrameSettings())
    await elsewhere.release(avatar, "it was enough")
    assert await watching == "its worker exited"
    assert "drawn-avatar-1" not in room.members
    await elsewhere.release(avatar, "it was enough")


@pytest.mark.virtual_time
async def test_renderer_gets_the_options_of_its_provider(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Mapping[str, Any]] = []
    init = FlashRenderer.__init__

    def noted(renderer: FlashRenderer, **options: Any) -> None:
        made.append(options)
        init(renderer, **options)

    monkeypatch.setattr(FlashRenderer, "__init__", noted)
    room = MemoryRoom()
    room.agent()
    provider = Drawn(FrameSettings(size=96))
    avatar = await provider.provision(request_in(MemoryWorkers(room), Claims()))
    assert made == [{"width": 96, "height": 96}]
    await provider.release(avatar, "the test is over")


@pytest.mark.virtual_time
async def test_missing_renderer_claims_no_session() -> None:
    room, claims = MemoryRoom(), Claims()
    room.agent()
    with pytest.raises(WorkerError, match=r"nowhere\.at_all:Nobody cannot be created"):
        await Missing(FrameSettings()).provision(request_in(MemoryWorkers(room), claims))
    assert claims == []
    assert set(room.members) == {"agent"}


@pytest.mark.virtual_time
async def test_faulty_worker_joins_a_room_in_memory_as_a_task() -> None:
    room = MemoryRoom()
    room.agent()
    state = await start_faulty_worker(
        request_in(MemoryWorkers(room), Claims()), FLASH, scenario=Scenario(unseen=True)
    )
    assert room.members["drawn-avatar-1"].tracks == {"audio"}
    await stop_worker(state)


async def test_faulty_worker_outside_a_room_in_memory_is_a_process() -> None:
    async def unused(*_: object, **__: object) -> Mapping[str, Any]:
        raise AssertionError("production starts no worker with faults")

    async with asyncio.timeout(PATIENCE_S):
        state = await start_faulty_worker(
            request_in(unused, Claims()), FLASH, scenario=Scenario(never_joins=True)
        )
        record = ProcessRecord.read(state)
        assert record is not None
        assert record.process() is not None
        await stop_worker(state)
    assert record.process() is None
