"""FakeVendor's customers: the same provider of three kinds, and one start of it in memory."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from avatar_core.bases.rest import RestAvatarProvider
from avatar_core.contracts.capabilities import Capabilities, SafeRetry
from avatar_core.contracts.link import RemoteParticipant, RoomEvent
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.settings import ProviderSettings
from avatar_core.testing.fake_vendor.account import Bring, VendorSession
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.room import workers
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.worker import in_process

KEY = "vendor-key"
LOOK_S = 5.0
"""An agent that leaves in its first three seconds is never told of."""


class AcmeSettings(ProviderSettings):
    """`ACME_*`."""

    model_config = SettingsConfigDict(env_prefix="ACME_")
    provider: ClassVar[str] = "acme"

    api_key: SecretStr = SecretStr(KEY)
    api_url: str | None = None
    kind: SafeRetry = SafeRetry.NEVER


class Acme(RestAvatarProvider[AcmeSettings]):
    """Buys of FakeVendor: with an idempotency key, with a lookup, or with neither."""

    name = "acme"
    api_version = (1, 0)
    settings_cls = AcmeSettings
    capabilities = Capabilities(ready_on="join", expected_join_s=1.0, max_session_s=3600.0)

    url = "http://127.0.0.1:1"
    create = "POST /v1/sessions"
    end = "POST /v1/sessions/{id}/end"

    def setup(self) -> None:
        self.idempotency = (  # type: ignore[misc]
            "Idempotency-Key" if self.settings.kind is SafeRetry.KEY else ""
        )
        super().setup()
        self.capabilities = replace(self.capabilities, safe_retry=self.settings.kind)

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        return {
            "name": request.key,
            "livekit_url": request.livekit_url,
            "token": SecretStr(request.avatar_token()),
        }

    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        if self.settings.kind is not SafeRetry.LOOKUP:
            return None
        answer = await self.rest.call("GET", f"/v1/sessions?name={quote(key, safe='')}")
        for found in answer.parts("data"):
            identity = f"acme-avatar-{key.rpartition('-')[2]}"
            return ProvisionedAvatar(session_id=found.text("id"), identity=identity)
        return None


def acme(kind: SafeRetry, transport: object = None, **settings: Any) -> Acme:
    """A customer of one kind."""
    cls = type("Acme", (Acme,), {"transport": transport})
    made: Acme = cls(AcmeSettings(kind=kind, **settings))
    return made


def silent_workers(room: MemoryRoom) -> Bring:
    """Workers that are in the room and do nothing, until they are put out or their agent goes."""

    async def bring(session: VendorSession, scenario: Scenario) -> Mapping[str, Any]:
        link = workers.admit(room, session.token)
        stopping = asyncio.Event()
        agent = link.attributes[PUBLISH_ON_BEHALF]

        def look(event: RoomEvent, participant: RemoteParticipant | None) -> None:
            left = (
                event is RoomEvent.LEFT
                and participant is not None
                and participant.identity == agent
            )
            if event is RoomEvent.DISCONNECTED or left:
                stopping.set()

        async def stay() -> None:
            link.watch(look)
            loop = asyncio.get_running_loop()
            until = loop.time() + (scenario.leaves_at_s or math.inf)
            while (
                not stopping.is_set()
                and loop.time() < until
                and agent in link.remote_participants()
            ):
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(min(until, loop.time() + LOOK_S)):
                        await stopping.wait()
            await link.aclose()

        task = asyncio.create_task(stay(), name="worker that is silent")
        room.published(link.identity, "video")
        return in_process.keep(task, stopping.set)

    return bring


def chance(seed: int) -> random.Random:
    """What differs between two runs."""
    return random.Random(seed)
