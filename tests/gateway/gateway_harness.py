"""A gateway over HTTP on loopback, with a fake vendor and a LiveKit server in memory."""

from __future__ import annotations

import asyncio
import datetime
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web
from livekit import api

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities, SafeRetry
from avatar_core.contracts.participants import RemoteParticipant
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.gateway.server import LINGER_S, Gateway
from avatar_core.gateway.session import Server
from avatar_core.gateway.sessions import Sessions
from avatar_core.provisioning.ledger import Ledger
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.rtc.roster import Roster
from avatar_core.settings import AvatarSettings, LiveKitSettings
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import ScriptedProvider

SECRET = "s3cret-canary-0123456789abcdef0123456789"
LIVEKIT = LiveKitSettings.model_validate(
    {"LIVEKIT_URL": "ws://127.0.0.1:7880", "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": SECRET}
)
BODY = {
    "provider": "vendor",
    "livekit_url": "ws://127.0.0.1:7880",
    "room_name": "room",
    "room_sid": "RM_1",
    "avatar_identity": "vendor-inference-avatar",
    "avatar_name": "vendor-inference-avatar",
    "agent_identity": "agent",
}
POLL_S = 0.02


class Vendor(ScriptedProvider):
    """A vendor whose workers join no room.

    Attributes:
        requests: The requests of all sessions that were created.
        tokens: The room tokens of these sessions.
        gate: The next create requests wait for this event.
        waiting: The number of create requests that have reached the gate.
    """

    capabilities = Capabilities(
        audio=AudioFormat(16_000),
        ends_session=True,
        safe_retry=SafeRetry.KEY,
        expected_join_s=0.05,
    )

    def __init__(self) -> None:
        super().__init__(MemoryRoom())
        self.joins, self.provision_s = False, 0.0
        self.requests: list[ProvisionRequest] = []
        self.tokens: list[str] = []
        self.gate: asyncio.Event | None = None
        self.waiting = 0

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        if self.gate is not None:
            self.waiting += 1
            await self.gate.wait()
        avatar = await super().provision(request)
        self.requests.append(request)
        self.tokens.append(request.avatar_token())
        return avatar

    @property
    def ended(self) -> list[str]:
        """The ids of the sessions that were released, in order."""
        return [session_id for session_id, _ in self.released]

    @property
    def open(self) -> int:
        """The number of sessions that were not released."""
        return len(self.provisioned) - len(set(self.ended))


class GatewayHarness:
    """A gateway whose LiveKit server is a dictionary of rooms.

    Args:
        folder: The folder of the ledger.
        limit: The maximum number of sessions.

    Attributes:
        vendor: The sessions of the vendor.
        rooms: The identities in each room.
        removed: The participants that the gateway removed.
        looks: How often the gateway read who is in a room.
    """

    def __init__(self, folder: Path, limit: int = 3) -> None:
        self.vendor = Vendor()
        self.rooms: dict[str, set[str]] = {"room": {"agent"}}
        self.removed: list[tuple[str, str]] = []
        self.looks = 0
        self.ledger = Ledger(folder)
        self._server = Server(
            livekit=LIVEKIT,
            settings=AvatarSettings.load(provision_timeout_s=2.0, join_timeout_s=0.2),
            ledger=self.ledger,
            read_roster=self._read,
            remove=self._remove,
            start_worker=self._start_worker,
            poll_s=POLL_S,
        )
        self.sessions = Sessions(self._server, self._create_provider, limit)
        app = Gateway(self._server, self.sessions).application()
        self._runner = web.AppRunner(app, lingering_time=LINGER_S)
        self._url = ""
        self._http = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0]
        self._url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.sessions.aclose()
        await self._http.close()
        await self._runner.cleanup()

    async def post(
        self, path: str, body: Any, *, key: str = "", token: str | None = None
    ) -> tuple[int, Mapping[str, Any], Mapping[str, str]]:
        """Send a request.

        Returns:
            Status, JSON body and headers of the response.
        """
        headers = {"Authorization": f"Bearer {access_token() if token is None else token}"}
        headers |= {"Idempotency-Key": key} if key else {}
        data = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with self._http.post(self._url + path, headers=headers, **data) as response:
            content = await response.json() if "json" in response.content_type else {}
            return response.status, content, response.headers

    async def create(self, *, key: str = "", **fields: Any) -> tuple[int, Mapping[str, Any]]:
        status, body, _ = await self.post("/avatar/sessions", {**BODY, **fields}, key=key)
        return status, body

    async def terminate(self, created: Mapping[str, Any], **fields: Any) -> int:
        body = {
            "provider": "vendor",
            "provider_session_id": created["provider_session_id"],
            "terminate_token": created["terminate_token"],
        }
        status, _, _ = await self.post("/avatar/sessions/terminate", {**body, **fields})
        return status

    def _create_provider(self, name: str, variant: str) -> AvatarProvider[Any]:
        if name == self.vendor.name:
            return self.vendor
        return ProviderRegistry().create(name, variant=variant)

    async def _read(self, room: str) -> Roster:
        self.looks += 1
        there = self.rooms.get(room, set())
        return Roster({name: RemoteParticipant(name, f"PA_{name}") for name in there})

    async def _remove(self, room: str, identity: str) -> bool:
        self.removed.append((room, identity))
        return identity in self.rooms.get(room, set())

    async def _start_worker(
        self, renderer: str, *, token: str, options: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        return {"pid": os.getpid()}


def access_token(*, perform: bool = True, secret: str = SECRET, ttl_s: float = 600) -> str:
    """Create the access token that `livekit.agents.inference` sends."""
    token = api.AccessToken("key", secret).with_identity("agent")
    token = token.with_inference_grants(api.access_token.InferenceGrants(perform=perform))
    return token.with_ttl(datetime.timedelta(seconds=ttl_s)).to_jwt()
