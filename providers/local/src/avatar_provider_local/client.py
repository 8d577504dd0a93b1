"""The client of a remote avatar server, which runs the workers of the local provider."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from avatar_core import ProvisionedAvatar, ProvisionError, ProvisionRequest, RestClient

WAIT_S = 25.0
"""Seconds that the server holds one request for the end of a session."""
PAUSE_S = 0.5
"""Seconds between two requests for the state of a session."""
DOWN_S = 3.0
"""Seconds before the next request after a retryable error without a delay from the server."""
END_S = 3.5
"""Timeout of the request that ends a session, in seconds."""


class LocalServer:
    """The REST client of the server at `AVATAR_LOCAL_URL`.

    Args:
        url: Base URL of the server.
        key: API key of the server.

    Attributes:
        url: Base URL of the server, without a slash at its end.

    Raises:
        ConfigError: The URL is invalid.
    """

    def __init__(self, url: str, key: SecretStr) -> None:
        self._rest = RestClient(url, key=key, auth="X-Api-Key", provider="local")
        self.url = self._rest.url

    async def create(self, request: ProvisionRequest, face: Mapping[str, Any]) -> ProvisionedAvatar:
        """Create a session, and wait until the avatar of the session is in the room.

        The idempotency key depends only on `request.key`. The server therefore returns the same
        session for a repeated request, as long as that session is alive.

        Args:
            request: The room to join, the identity to join as, and the deadline.
            face: Arguments of `FaceRenderer`, JSON-safe.

        Returns:
            The record of the session, with the URL of the server in `state`.

        Raises:
            ProvisionError: The call failed; `outcome` says whether a session may exist.
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
            state={"url": self.url},
        )
        request.claim(avatar)
        return avatar

    async def end(self, session_id: str) -> None:
        """End a session; a session that the server does not know counts as ended.

        Args:
            session_id: Id of the session at the server.

        Raises:
            ProvisionError: The call failed.
        """
        await self._rest.call("DELETE", _path(session_id), accept={404}, timeout_s=END_S)

    async def check_key(self) -> None:
        """Check that the server accepts the API key.

        The request names a session that does not exist. The server returns status 404 if the API
        key is correct, and status 401 otherwise.

        Raises:
            ProvisionError: The server cannot be reached, or it refused the API key.
        """
        await self._rest.call("GET", _path("none"), accept={404})

    async def wait_for_end(self, session_id: str) -> str:
        """Wait until a session has ended, and repeat the request after each retryable error.

        Args:
            session_id: Id of the session at the server.

        Returns:
            The reason why the session ended.

        Raises:
            ProvisionError: The call failed with an error that is not retryable.
        """
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
                return "the server no longer knows the session"
            if response.text("state") == "ended":
                return response.text("reason", "the server ended the session")
            await asyncio.sleep(PAUSE_S)


def _path(session_id: str) -> str:
    return f"/v1/sessions/{quote(session_id, safe='')}"
