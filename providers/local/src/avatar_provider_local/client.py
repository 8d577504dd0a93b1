"""A session at a local avatar server elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from avatar_core import ProvisionedAvatar, ProvisionError, ProvisionRequest, RestClient

WAIT_S = 25.0
PAUSE_S = 0.5
"""Between two questions where a session stands, whatever answers them."""
DOWN_S = 3.0
END_S = 3.5


class LocalServer:
    """The server behind `AVATAR_LOCAL_URL`.

    Raises:
        ConfigError: The address will not do.
    """

    def __init__(self, url: str, key: SecretStr) -> None:
        self._rest = RestClient(url, key=key, auth="X-Api-Key", provider="local")

    async def create(self, request: ProvisionRequest, face: Mapping[str, Any]) -> ProvisionedAvatar:
        """Begin a session; its avatar is in the room when this returns.

        Asked again with the same request, the server answers with the same session.
        """
        response = await self._rest.call(
            "POST",
            "/v1/sessions",
            {
                "livekit_url": request.livekit_url,
                "token": SecretStr(request.avatar_token()),
                "face": dict(face),
            },
            headers={"Idempotency-Key": sha256(request.key.encode()).hexdigest()},
            timeout_s=request.deadline_s,
        )
        avatar = ProvisionedAvatar(
            session_id=response.text("id"),
            identity=request.identity,
            state={"url": self._rest.url},
        )
        request.claim(avatar)
        return avatar

    async def end(self, session_id: str) -> None:
        """End a session; one that the server does not know has ended."""
        await self._rest.call("DELETE", _path(session_id), accept={404}, timeout_s=END_S)

    async def check_key(self) -> None:
        """Request an unknown session: only a client with the right key gets status 404."""
        await self._rest.call("GET", _path("none"), accept={404})

    async def wait_for_end(self, session_id: str) -> str:
        """Return why, once a session has ended; a server that is down is asked again."""
        path = f"{_path(session_id)}?wait={WAIT_S:g}"
        while True:
            try:
                response = await self._rest.call("GET", path, accept={404}, timeout_s=2 * WAIT_S)
            except ProvisionError as error:
                if not error.retryable:
                    raise
                await asyncio.sleep(error.retry_after_s or DOWN_S)
                continue
            if response.status == 404:
                return "its server does not know it any more"
            if response.text("state") == "ended":
                return response.text("reason", "its server ended it")
            await asyncio.sleep(PAUSE_S)


def _path(session_id: str) -> str:
    return f"/v1/sessions/{quote(session_id, safe='')}"
