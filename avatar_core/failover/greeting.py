"""The wait of the first speech for an avatar that is still joining."""

from __future__ import annotations

import asyncio
import logging

from avatar_core.contracts.clock import Clock
from avatar_core.failover.acquisition import Acquisition

log = logging.getLogger("avatar_core")

MAX_HOLD_S = 8.0
"""Seconds that the first speech waits for an avatar to join. The wait is also limited to twice the
provider's `expected_join_s`."""


class Greeting:
    """The first speech of the agent, which waits for an avatar within a limit.

    Args:
        acquisition: The acquisition of the first avatar.
        settled: Set when an avatar is live, or no provider is left.
        clock: Returns monotonic seconds.
    """

    def __init__(self, acquisition: Acquisition, settled: asyncio.Event, clock: Clock) -> None:
        self._acquisition = acquisition
        self._settled = settled
        self._clock = clock
        self._may_wait = bool(acquisition.providers)
        self._until: float | None = None

    async def wait_for_avatar(self) -> None:
        """Wait until the avatar is live, no provider is left, or the limit has passed.

        The limit counts from the first call. After the first wait that ended, the method returns at
        once.
        """
        if not self._may_wait:
            return
        now = self._clock()
        if self._until is None:
            provider = self._acquisition.provisioning
            expected_s = provider.capabilities.expected_join_s if provider else 0.0
            self._until = now + min(2 * expected_s, MAX_HOLD_S)
        try:
            async with asyncio.timeout(max(0.0, self._until - now)):
                await self._settled.wait()
        except TimeoutError:
            log.info("The avatar has not joined yet; the agent's own voice speaks this segment.")
        self._may_wait = False
