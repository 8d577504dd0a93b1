"""Providers whose `release` needs more than the record. Check P22 imports them in another process.

The module imports no suite, so that the other process starts fast.
"""

from __future__ import annotations

from typing import ClassVar

from avatar_core import ProvisionedAvatar, ProvisionRequest, Response
from tests.suites.right_providers import AcmeProvider


class RemembersItsSessions(AcmeProvider):
    sessions: ClassVar[set[str]] = set()

    def read_avatar(self, response: Response, request: ProvisionRequest) -> ProvisionedAvatar:
        avatar = super().read_avatar(response, request)
        self.sessions.add(avatar.session_id)
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        if avatar.session_id in self.sessions:
            await super().release(avatar, reason)


class EndsWithTheKeyOfTheStart(AcmeProvider):
    """It refuses to end a session without the attribute that `provision` has set."""

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        self.started = request.key
        return await super().provision(request)

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        await super().release(avatar, f"{reason} of {self.started}")
