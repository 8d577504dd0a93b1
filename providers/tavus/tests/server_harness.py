"""The provider at a Tavus in memory, and what was sent to it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import jwt
from avatar_provider_tavus import TavusProvider, TavusSettings
from avatar_provider_tavus.simulator.api import QUIET, TavusApi

from avatar_core import ProvisionedAvatar, ProvisionRequest
from avatar_core.testing import FakeResponse, Scenario, VendorAccount

KEY = "tavus-key"
TOKEN = jwt.encode(
    {"sub": "x", "exp": int(time.time()) + 3600, "video": {"roomJoin": True, "room": "room"}},
    "a secret of thirty-two letters..",
)


async def nobody(*_: object) -> Mapping[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


class Listening(TavusApi):
    """Notes every body.

    Attributes:
        bodies: Method, path and body of each call.
    """

    def __init__(self, account: VendorAccount, **options: Any) -> None:
        super().__init__(account, key=KEY, **options)
        self.bodies: list[tuple[str, str, Any]] = []

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> FakeResponse:
        self.bodies.append((method, path, json.loads(body) if body else None))
        return await super().handle(method, path, headers, body, worker)


class Shop:
    """Tavus, and the provider as somebody has set it up."""

    def __init__(self, **account: Any) -> None:
        self.tavus = Listening(VendorAccount(nobody, prefix="c", **account))
        self.claimed: list[ProvisionedAvatar] = []

    def provider(self, **settings: Any) -> TavusProvider:
        cls = type("TavusProvider", (TavusProvider,), {"transport": self.tavus.transport})
        made: TavusProvider = cls(TavusSettings.load(**{"api_key": KEY, **settings}))
        return made

    def request(self, number: int = 1) -> ProvisionRequest:
        async def no_worker(*_: object, **__: object) -> Mapping[str, Any]:
            raise AssertionError

        return ProvisionRequest(
            key=f"room-{number}",
            livekit_url="wss://my-project.livekit.cloud",
            room_name="room",
            agent_identity="agent",
            identity=f"tavus-avatar-{number}",
            deadline_s=5.0,
            mint=lambda _: TOKEN,
            claim=self.claimed.append,
            start_worker=no_worker,
        )


@asynccontextmanager
async def shop(**account: Any) -> AsyncIterator[Shop]:
    opened = Shop(**account)
    try:
        yield opened
    finally:
        await opened.tavus.aclose()
