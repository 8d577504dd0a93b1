"""A controller in a room in memory: providers whose workers are tasks, and what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.events import AvatarEvent
from avatar_core.contracts.playback import Take
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest, TokenSpec
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.failover.controller import FailoverController
from avatar_core.playback.player import Player
from avatar_core.playback.segment import Segment
from avatar_core.playback.transport import Transport
from avatar_core.provisioning.context import SessionContext
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.release import Releaser
from avatar_core.registry.selection import Candidate
from avatar_core.settings import ProviderSettings
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.flash_renderer import FlashRenderer
from avatar_core.testing.room import workers
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.worker import AvatarWorker

FORMAT = AudioFormat(24_000)
AGENT = "agent"


class NoSettings(ProviderSettings):
    """None."""


class Vendor(AvatarProvider[NoSettings]):
    """Provisions a real worker as a task, and does otherwise what the test says."""

    name = "vendor"
    api_version = (1, 0)
    settings_cls = NoSettings
    capabilities = Capabilities(audio=FORMAT, run_ahead_s=0.5, expected_join_s=1.0)

    def __init__(self, room: MemoryRoom, name: str = "vendor") -> None:
        super().__init__(NoSettings())
        self.name = name  # type: ignore[misc]
        self._room = room
        self.fails: BaseException | None = None
        self.claims_first = False
        self.provision_s = 0.1
        self.join_s = 0.0
        self.joins = True
        self.release_s = 0.0
        self.bought: list[str] = []
        self.released: list[tuple[str, str]] = []
        self.ended: asyncio.Future[str] | None = None
        self.workers: dict[str, asyncio.Task[None]] = {}

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        avatar = ProvisionedAvatar(session_id=request.key, identity=request.identity)
        if self.claims_first:
            self.bought.append(request.key)
            request.claim(avatar)
        await asyncio.sleep(self.provision_s)
        if self.fails is not None:
            raise self.fails
        if not self.claims_first:
            self.bought.append(request.key)
            request.claim(avatar)
        if self.joins:
            self.workers[request.identity] = asyncio.create_task(self._work(request.identity))
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        self.released.append((avatar.session_id, reason))
        await asyncio.sleep(self.release_s)
        if worker := self.workers.get(avatar.identity):
            worker.cancel()

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        self.ended = asyncio.get_running_loop().create_future()
        return await self.ended

    async def _work(self, identity: str) -> None:
        await asyncio.sleep(self.join_s)
        link = self._room.join(identity, is_agent=True, attributes={PUBLISH_ON_BEHALF: AGENT})
        worker = AvatarWorker(link, FlashRenderer(64, 64), executor=InlineExecutor())
        try:
            await worker.run()
        finally:
            await link.aclose()

    def crash(self) -> None:
        """The worker's process is gone without a word."""
        (identity,) = self.workers
        self._room.crash(identity)
        self.workers.pop(identity).cancel()


class Scene:
    """A controller, its player, and all they told."""

    def __init__(
        self,
        room: MemoryRoom,
        *vendors: AvatarProvider[Any],
        join_timeout_s: float = 30.0,
        provision_timeout_s: float = 20.0,
        ledger: Path | None = None,
        mint: Callable[[TokenSpec], str] = workers.mint,
    ) -> None:
        self.room = room
        self.events: list[AvatarEvent] = []
        self.finished: dict[int, asyncio.Future[tuple[float, bool]]] = {}
        self.started: list[int] = []
        self.takes: list[tuple[str, str]] = []
        self.unspoken: list[AvatarError] = []
        self.agent = room.join(AGENT, is_agent=True)
        self.player = Player(Told(self))
        self.context = SessionContext(
            link=self.agent,
            livekit_url="wss://memory.example",
            mint=mint,
            start_worker=self._nothing,
            releaser=Releaser(self.agent, Ledger(ledger), self._remove_participant),
            provision_timeout_s=provision_timeout_s,
            join_timeout_s=join_timeout_s,
        )
        chain = [Candidate(vendor.name, "", vendor) for vendor in vendors]
        self.controller = FailoverController(
            self.context, [*chain, Candidate("voice", "", None)], self.player, self.events.append
        )

    async def say(self, duration_s: float) -> tuple[float, bool]:
        """Speak, and wait for the end: what was heard, and whether it was interrupted."""
        return await self.begin(duration_s)

    def begin(self, duration_s: float) -> asyncio.Future[tuple[float, bool]]:
        """Speak."""
        segment_id = len(self.finished) + 1
        over = self.finished[segment_id] = asyncio.get_running_loop().create_future()
        self.player.push(speech(duration_s), FORMAT)
        self.player.end()
        return over

    async def close(self) -> None:
        await self.controller.aclose("the test is over")
        await self.player.aclose()

    def told(self, kind: type[Any]) -> list[Any]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, condition: Callable[[], bool], within_s: float) -> float:
        """Wait for something that comes about by itself; returns when it did."""
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - virtual time costs nothing
                await asyncio.sleep(0.005)
        return now()

    async def _remove_participant(self, _: str, identity: str) -> bool:
        there = identity in self.room.members
        self.room.remove(identity)
        return there

    async def _nothing(self, *_: object, **__: object) -> Any:
        raise AssertionError


class Told:
    """The player's listener."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def started(self, segment: Segment, ago_s: float) -> None:
        self._scene.started.append(segment.id)

    def progressed(self, segment: Segment, ago_s: float, offset_s: float, played_s: float) -> None:
        return

    def finished(self, segment: Segment, interrupted: bool) -> None:
        self._scene.finished[segment.id].set_result((segment.position_s, interrupted))

    def on_unplayable(self, segment: Segment, error: AvatarError) -> None:
        self._scene.unspoken.append(error)

    def on_take_finished(self, segment: Segment, take: Take, transport: Transport) -> None:
        self._scene.takes.append((transport.provider, take.state.value))


def tracks_of_the_agent(room: MemoryRoom) -> set[str]:
    """What the agent itself publishes now."""
    watcher = room.join("watcher")
    return set(watcher.remote_participants()[AGENT].tracks)


def released_once(vendor: Vendor) -> bool:
    """Whether each that was bought was ended, and none of them twice."""
    return sorted(vendor.bought) == sorted(session for session, _ in vendor.released)
