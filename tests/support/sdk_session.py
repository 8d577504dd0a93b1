"""A session of a vendor's SDK, for plugins that send audio through an SDK of their vendor."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.recording_vendor import Recorded, RecordingVendor, find_token
from tests.support.vendor_workers import SdkWorker


class SdkSession:
    """The part of an SDK's session that the plugin calls.

    Args:
        vendor: Records the session.
        options: The options of the SDK, with the room token in `livekit_egress`.
    """

    def __init__(self, vendor: RecordingVendor, **options: Any) -> None:
        egress = options["livekit_egress"]
        self._vendor = vendor
        self._room = {"token": egress.api_token, "url": egress.url}

    async def init(self) -> None:
        """Do nothing; the SDK of the vendor fetches a token."""

    async def start(self) -> str:
        """Start the avatar, and return the id of the connection."""
        token = find_token(self._room)
        assert token is not None
        await self._vendor.start(token)
        return "connection-1"

    async def send_audio(self, audio: bytes, end: bool = False) -> str:
        """Play audio, and end the segment if `end` is true."""
        self._worker.push(audio)
        if end:
            self._worker.end()
        return "request-1"

    async def interrupt(self) -> str:
        """Stop the avatar's speech."""
        await self._worker.cut()
        return "request-1"

    async def close(self) -> None:
        """End the session."""
        self._vendor.requests.append(Recorded("DELETE", "/session", None))
        await self._worker.aclose()

    @property
    def _worker(self) -> SdkWorker:
        worker = self._vendor.workers[-1]
        assert isinstance(worker, SdkWorker)
        return worker


def install(patch: pytest.MonkeyPatch, plugin: str, vendor: RecordingVendor) -> None:
    """Give a plugin sessions of this module instead of those of its vendor's SDK."""
    patch.setattr(
        f"livekit.plugins.{plugin}.avatar.new_avatar_session",
        lambda **options: SdkSession(vendor, **options),
    )
