"""Opens the API of a LiveKit server, for a limited time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import api

from avatar_core.settings import LiveKitSettings


@asynccontextmanager
async def open_api(livekit: LiveKitSettings, within_s: float) -> AsyncIterator[api.LiveKitAPI]:
    """Open the API of a LiveKit server, and close it at the end of the block.

    Args:
        livekit: The URL of the server, and its API key and secret.
        within_s: Seconds for the whole block.

    Yields:
        The API.

    Raises:
        TimeoutError: The block took longer than `within_s`.
    """
    async with (
        asyncio.timeout(within_s),
        api.LiveKitAPI(
            livekit.http_url,
            livekit.api_key.get_secret_value(),
            livekit.api_secret.get_secret_value(),
        ) as server,
    ):
        yield server
