"""A provider for Protoface, which creates and ends sessions in LiveKit rooms."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

import avatar_core
from avatar_core import ProvisionedAvatar, ProvisionRequest
from avatar_provider_protoface.settings import ProtofaceSettings

__all__ = ["ProtofaceProvider", "ProtofaceSettings"]


class ProtofaceProvider(avatar_core.RestAvatarProvider[ProtofaceSettings]):
    """A provider that creates each session with an idempotency key, and ends it with a call."""

    name = "protoface"
    api_version = (1, 0)
    capabilities = avatar_core.Capabilities(audio=avatar_core.AudioFormat(16_000))
    create, idempotency = "POST /v1/sessions", "Idempotency-Key"
    end, ended_statuses = "POST /v1/sessions/{id}/end", (404,)

    def setup(self) -> None:
        """Create the REST client, and adapt the session limit to the settings.

        Raises:
            ConfigError: The URL is invalid, or the key cannot be sent in a header.
        """
        super().setup()
        cap_s = self.settings.max_duration_seconds
        self.capabilities = replace(self.capabilities, max_session_s=cap_s and float(cap_s))

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Return the body of a create request, which is equal for all attempts of one start.

        Protoface refuses an idempotency key with another body. All attempts have the same room
        token, because `ProvisionRequest.mint` returns equal tokens for equal specifications.

        Args:
            request: The room to join, and the identity of the avatar's participant.

        Returns:
            The id of the avatar, the options of the settings, and the room in `transport`.
        """
        room = {
            "type": "livekit",
            "url": request.livekit_url,
            "room_name": request.room_name,
            "worker_token": SecretStr(request.avatar_token()),
            "worker_identity": request.identity,
            "audio_source": "data_stream",
        }
        return {**self.settings.payload(), "transport": room}

    def read_avatar(
        self, response: avatar_core.Response, request: ProvisionRequest
    ) -> ProvisionedAvatar:
        """Return the record of a session, with the end that Protoface has set for the session.

        Args:
            response: The session, as Protoface describes it.
            request: The request that `provision` received.

        Returns:
            The record, which expires after the lower one of `max_duration_seconds` and the limit of
            the plan.

        Raises:
            ProtocolError: The response has no session id.
        """
        avatar = super().read_avatar(response, request)
        with suppress(avatar_core.ProtocolError, ValueError):
            cap_s = int(response.text("max_duration_seconds"))
            return replace(avatar, expires_at=time.time() + cap_s)
        return avatar

    async def probe(self) -> None:
        """Check the key, the credit and the avatar, without a paid session.

        Raises:
            ProvisionError: Protoface does not accept the key or the avatar, the account cannot
                start a session, or a call failed.
        """
        quota = await self.rest.call("GET", "/v1/billing/quota")
        if quota.text("balance_credits", "1") == "0":
            raise avatar_core.PaymentError(
                "the account has no credits left.",
                provider=self.name,
                hint="Add credits to the account, or choose another plan.",
            )
        id = self.settings.avatar
        found = await self.rest.call("GET", f"/v1/avatars/{quote(id, safe='')}")
        if (status := found.text("status", "ready")) != "ready":
            raise self.invalid_config(
                f"the avatar {id} is not ready ({status}).", "Set PROTOFACE_AVATAR_ID."
            )
