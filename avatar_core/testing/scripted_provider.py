"""A provider that provisions workers in a room in memory, with the delays and errors of a test."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.settings import ProviderSettings
from avatar_core.testing.flash_renderer import FlashRenderer
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.worker import AvatarWorker

FORMAT = AudioFormat(24_000)
AGENT = "agent"
"""The identity of the agent, on whose behalf the workers speak."""


class NoSettings(ProviderSettings):
    """Settings of a provider that has none."""


class ScriptedProvider(AvatarProvider[NoSettings]):
    """Provisions our own worker as a task in a room in memory, with delays and errors.

    Args:
        room: The room that the workers join.
        name: The name of the provider.

    Attributes:
        provision_error: The exception that `provision` raises, if any.
        claims_first: Whether `provision` claims the session before its delay.
        provision_s: Seconds that `provision` takes.
        join_s: Seconds from then until the worker joins.
        joins: Whether a worker joins at all.
        release_s: Seconds that `release` takes.
        provisioned: The ids of the sessions that were created.
        released: The id and the reason of each release.
        session_end: The future of `watch`; set its result to end the session.
        workers: The task of each worker, by identity.
    """

    name = "vendor"
    api_version = (1, 0)
    capabilities = Capabilities(audio=FORMAT, run_ahead_s=0.5, expected_join_s=1.0)

    def __init__(self, room: MemoryRoom, name: str = "vendor") -> None:
        super().__init__(NoSettings())
        self.name = name  # type: ignore[misc]
        self._room = room
        self.provision_error: BaseException | None = None
        self.claims_first = False
        self.provision_s = 0.1
        self.join_s = 0.0
        self.joins = True
        self.release_s = 0.0
        self.provisioned: list[str] = []
        self.released: list[tuple[str, str]] = []
        self.session_end: asyncio.Future[str] | None = None
        self.workers: dict[str, asyncio.Task[None]] = {}

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Create a session, and start its worker.

        Args:
            request: The request of the core.

        Returns:
            A session whose id is the key of the request.

        Raises:
            BaseException: `provision_error`, if it is set.
        """
        avatar = ProvisionedAvatar(session_id=request.key, identity=request.identity)
        if self.claims_first:
            self.provisioned.append(request.key)
            request.claim(avatar)
        await asyncio.sleep(self.provision_s)
        if self.provision_error is not None:
            raise self.provision_error
        if not self.claims_first:
            self.provisioned.append(request.key)
            request.claim(avatar)
        if self.joins:
            self.workers[request.identity] = asyncio.create_task(self._work(request.identity))
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End a session and stop its worker, after `release_s` seconds.

        Args:
            avatar: The session.
            reason: Why; it is recorded.
        """
        self.released.append((avatar.session_id, reason))
        await asyncio.sleep(self.release_s)
        if worker := self.workers.get(avatar.identity):
            worker.cancel()

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Return the result of `session_end` once the test sets it.

        Args:
            avatar: The session.
        """
        self.session_end = asyncio.get_running_loop().create_future()
        return await self.session_end

    async def _work(self, identity: str) -> None:
        await asyncio.sleep(self.join_s)
        link = self._room.join(identity, is_agent=True, attributes={PUBLISH_ON_BEHALF: AGENT})
        worker = AvatarWorker(link, FlashRenderer(64, 64), executor=InlineExecutor())
        try:
            await worker.run()
        finally:
            await link.aclose()

    def crash(self) -> None:
        """Stop the only worker as a killed process does: it sends nothing and does not leave."""
        (identity,) = self.workers
        self._room.crash(identity)
        self.workers.pop(identity).cancel()


def each_released_once(*providers: ScriptedProvider) -> bool:
    """Return whether every session that was created was released exactly once.

    Args:
        providers: The providers to look at.
    """
    return all(
        sorted(provider.provisioned) == sorted(session for session, _ in provider.released)
        for provider in providers
    )
