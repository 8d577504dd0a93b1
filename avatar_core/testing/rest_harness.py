"""A REST provider for tests with `FakeVendor`, and workers that play nothing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from avatar_core.bases.rest import RestAvatarProvider
from avatar_core.contracts.capabilities import Capabilities, SafeRetry
from avatar_core.contracts.participants import RemoteParticipant, RoomEvent
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.settings import ProviderSettings
from avatar_core.testing.fake_vendor.account import LaunchWorker, VendorSession
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.room import workers
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.worker import in_process

KEY = "vendor-key"
"""The API key that the fake vendor accepts."""
POLL_S = 5.0
"""Seconds between two checks whether the agent is in the room. The room emits no event for an agent
that leaves within three seconds of its join."""


class AcmeSettings(ProviderSettings):
    """Settings of the provider `Acme`, from environment variables `ACME_*`.

    Attributes:
        provider: Name of the provider.
        api_key: The API key.
        api_url: Base URL of the vendor's API; None uses the URL of the provider class.
        kind: How a create can be repeated without a second session.
    """

    model_config = SettingsConfigDict(env_prefix="ACME_")
    provider: ClassVar[str] = "acme"

    api_key: SecretStr = SecretStr(KEY)
    api_url: str | None = None
    kind: SafeRetry = SafeRetry.NEVER


class Acme(RestAvatarProvider[AcmeSettings]):
    """A provider for `FakeVendor` that supports each kind of safe retry.

    The setting `kind` selects an idempotency key, a lookup, or neither.
    """

    name = "acme"
    api_version = (1, 0)
    capabilities = Capabilities(ready_on="join", expected_join_s=1.0, max_session_s=3600.0)

    url = "http://127.0.0.1:1"
    create = "POST /v1/sessions"
    end = "POST /v1/sessions/{id}/end"

    def setup(self) -> None:
        """Create the REST client, and apply the setting `kind` to the capabilities.

        Raises:
            ConfigError: The URL is invalid, or the API key cannot be sent in a header.
        """
        self.idempotency = (  # type: ignore[misc]
            "Idempotency-Key" if self.settings.kind is SafeRetry.KEY else ""
        )
        super().setup()
        self.capabilities = replace(self.capabilities, safe_retry=self.settings.kind)

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Return the JSON body of the call that creates a session.

        Args:
            request: The room to join and the identity to join as.

        Returns:
            The fields of the JSON object.
        """
        return {
            "name": request.key,
            "livekit_url": request.livekit_url,
            "token": SecretStr(request.avatar_token()),
        }

    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        """Find the active session that was created with a key.

        Args:
            key: The key of the provisioning request.

        Returns:
            The session; None if the vendor has no such session or `kind` is not `LOOKUP`.

        Raises:
            ProvisionError: The call failed, or the vendor's response is malformed.
        """
        if self.settings.kind is not SafeRetry.LOOKUP:
            return None
        response = await self.rest.call("GET", f"/v1/sessions?name={quote(key, safe='')}")
        for found in response.elements("data"):
            identity = f"acme-avatar-{key.rpartition('-')[2]}"
            return ProvisionedAvatar(session_id=found.text("id"), identity=identity)
        return None


def make_acme(kind: SafeRetry, transport: object = None, **settings: Any) -> Acme:
    """Create a provider for `FakeVendor`.

    Args:
        kind: How a create can be repeated without a second session.
        transport: An httpx transport, such as `FakeVendor.transport`; None uses the network.
        settings: Further fields of `AcmeSettings`.

    Returns:
        The provider.

    Raises:
        ValidationError: A setting is invalid.
        ConfigError: The URL is invalid, or the API key cannot be sent in a header.
    """
    cls = type("Acme", (Acme,), {"transport": transport})
    provider: Acme = cls(AcmeSettings(kind=kind, **settings))
    return provider


def silent_workers(room: MemoryRoom) -> LaunchWorker:
    """Return a function that launches workers for a fake vendor; the workers play nothing.

    A worker leaves when the room disconnects the worker, when its agent leaves, or at the time that
    its scenario sets.

    Args:
        room: The room in memory that the workers join.

    Returns:
        The launcher, for a `VendorAccount`.
    """

    async def launch(session: VendorSession, scenario: Scenario) -> Mapping[str, Any]:
        """Launch a worker that joins the room and announces a video track.

        Args:
            session: The vendor session that the worker belongs to.
            scenario: The scenario; the worker uses its `leaves_at_s` only.

        Returns:
            The record of the worker, for `stop_worker` and `worker_exited`.

        Raises:
            KeyError: The token of the session does not name an agent.
            RuntimeError: The library looptime controls the running event loop.
        """
        link = workers.admit(room, session.token)
        stopping = asyncio.Event()
        agent = link.attributes[PUBLISH_ON_BEHALF]

        def on_event(event: RoomEvent, participant: RemoteParticipant | None) -> None:
            """Stop the worker when it is disconnected or when its agent leaves.

            Args:
                event: The room event.
                participant: The participant that the event is about; None for the worker itself.
            """
            left = (
                event is RoomEvent.LEFT
                and participant is not None
                and participant.identity == agent
            )
            if event is RoomEvent.DISCONNECTED or left:
                stopping.set()

        async def stay() -> None:
            """Stay in the room until the worker is stopped, its agent leaves, or its time ends."""
            link.watch(on_event)
            loop = asyncio.get_running_loop()
            until = loop.time() + (scenario.leaves_at_s or math.inf)
            while (
                not stopping.is_set()
                and loop.time() < until
                and agent in link.remote_participants()
            ):
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(min(until, loop.time() + POLL_S)):
                        await stopping.wait()
            await link.aclose()

        task = asyncio.create_task(stay(), name="silent worker")
        room.published(link.identity, "video")
        return in_process.keep(task, stopping.set)

    return launch
