"""A provider for Runway Characters, which creates and ends sessions in LiveKit rooms."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import SecretStr

import avatar_core
from avatar_core import ProvisionedAvatar, ProvisionRequest
from avatar_provider_runway.settings import RunwaySettings

__all__ = ["RunwayProvider", "RunwaySettings"]


class RunwayProvider(avatar_core.RestAvatarProvider[RunwaySettings]):
    """A provider that creates a session with one call, and cancels it with another."""

    name = "runway"
    api_version = (1, 0)
    capabilities = avatar_core.Capabilities(audio=avatar_core.AudioFormat(16_000))
    headers: ClassVar[Mapping[str, str]] = {"X-Runway-Version": "2024-11-06"}
    create, end = "POST /v1/realtime_sessions", "DELETE /v1/realtime_sessions/{id}"
    ended_statuses: ClassVar[tuple[int, ...]] = ()
    error_phrases: ClassVar = {"enough credits": avatar_core.PaymentError}

    def setup(self) -> None:
        """Create the REST client, and adapt the session limit to the settings.

        Raises:
            ConfigError: The URL is invalid, or the key cannot be sent in a header.
        """
        super().setup()
        cap_s = float(self.settings.max_duration)
        self.capabilities = replace(self.capabilities, max_session_s=cap_s)

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Return the body of a create request.

        Args:
            request: The room to join, and the agent whose audio the avatar speaks.

        Returns:
            The model, the avatar, the options of the settings, and the room in `integration`.
        """
        room = {
            "type": "livekit",
            "url": request.livekit_url,
            "token": SecretStr(request.avatar_token()),
            "roomName": request.room_name,
            "agentIdentity": request.agent_identity,
        }
        return {"model": "gwm1_avatars", **self.settings.payload(), "integration": room}

    async def is_ended(self, avatar: ProvisionedAvatar) -> bool:
        """Check whether a session has ended or is unknown.

        The documentation does not say how Runway responds to the cancellation of a session that has
        ended. This method therefore reads the state of the session.

        Args:
            avatar: The record of the session.

        Returns:
            False if Runway reports the session as not ready, ready or running, otherwise True.

        Raises:
            ProvisionError: The call failed.
        """
        path = f"/v1/realtime_sessions/{quote(avatar.session_id, safe='')}"
        shown = await self.rest.call("GET", path, accept=(404,))
        return shown.text("status", "") not in ("NOT_READY", "READY", "RUNNING")

    async def probe(self) -> None:
        """Check the key, the credit and a custom avatar, without a paid session.

        Raises:
            ProvisionError: Runway does not accept the key or the avatar, the project has no
                credits, or a call failed.
        """
        project = await self.rest.call("GET", "/v1/organization")
        if project.text("creditBalance", "1") == "0":
            raise avatar_core.PaymentError(
                "the project has no credits left.",
                provider=self.name,
                hint="Add credits to the project on the site of Runway.",
            )
        id = self.settings.custom_avatar
        if not id:
            return
        status = (await self.rest.call("GET", f"/v1/avatars/{id}")).text("status", "READY")
        if status != "READY":
            raise self.invalid_config(
                f"the avatar {id} is not ready ({status}).", "Choose another avatar."
            )
