"""A provider that starts workers in a room in memory, with delays and errors that a test sets."""

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
    """The settings of `ScriptedProvider`, which has no fields."""


class ScriptedProvider(AvatarProvider[NoSettings]):
    """Provisions avatars whose workers are tasks in a room in memory, with delays and errors.

    Args:
        room: The room that the workers join.
        name: The name of the provider.

    Attributes:
        provision_error: The exception that `provision` raises, if any.
        claims_first: Whether `provision` claims the session before its delay.
        provision_s: Seconds that `provision` takes.
        join_s: Seconds from the end of `provision` until the worker joins.
        joins: Whether a worker joins at all.
        release_s: Seconds that `release` takes.
        provisioned: The ids of the sessions that were created.
        released: The session id and the reason of each release.
        session_end: The future for which `watch` waits; its result ends the session.
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
            request: The request of avatar-core.

        Returns:
            A session whose id is the key of the request.

        Raises:
            BaseException: `provision_error`, if the test has set it.
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
            reason: The reason, which is recorded in `released`.
        """
        self.released.append((avatar.session_id, reason))
        await asyncio.sleep(self.release_s)
        if worker := self.workers.pop(avatar.identity, None):
            worker.cancel()

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Wait until the test sets the result of `session_end`, which ends the session.

        Args:
            avatar: The session.

        Returns:
            The result of `session_end`: the reason for the end.
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
        """Stop the only worker like a killed process: it does not leave the room or send anything.

        Raises:
            ValueError: There is not exactly one worker.
        """
        (identity,) = self.workers
        self._room.crash(identity)
        self.workers.pop(identity).cancel()


def each_released_once(*providers: ScriptedProvider) -> bool:
    """Return whether every session that was created was released exactly once.

    Args:
        providers: The providers to check.

    Returns:
        True if this holds for all providers.
    """
    return all(
        sorted(provider.provisioned) == sorted(session for session, _ in provider.released)
        for provider in providers
    )
