"""A customer of the simulator, in memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from avatar_provider_tavus.simulator.server import KEY, Simulator

from avatar_core.testing import Scenario, VendorSession
from providers.tavus.tests.server_harness import TOKEN, nobody

ROOM = {"livekit_ws_url": "wss://my-project.livekit.cloud", "livekit_room_token": TOKEN}


class Quiet(Simulator):
    """Its workers are nobody."""

    async def _bring(self, session: VendorSession, scenario: Scenario) -> Mapping[str, Any]:
        return await nobody()


class Caller:
    """Calls the API as any client."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def __call__(
        self, method: str, path: str, body: Any = None, *, key: str = KEY, **headers: str
    ) -> tuple[int, Any]:
        response = await self._simulator.serve(
            method,
            f"/v2{path}",
            {"x-api-key": key, **{name.replace("_", "-"): it for name, it in headers.items()}},
            b"" if body is None else json.dumps(body).encode(),
        )
        assert isinstance(response.body, bytes)
        return response.status, json.loads(response.body) if response.body else None


@asynccontextmanager
async def tavus(**options: Any) -> AsyncIterator[tuple[Simulator, Caller]]:
    simulator = Quiet(create_s=0.0, **options)
    try:
        yield simulator, Caller(simulator)
    finally:
        await simulator.aclose()


def requested(**more: Any) -> dict[str, Any]:
    properties = {**ROOM, **more.pop("properties", {})}
    return {"pal_id": "pb87e71797da", "properties": properties, **more}
