"""A session of a vendor's SDK, for plugins that send audio through an SDK of their vendor."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.wire import PLAYBACK_FINISHED, PLAYBACK_STARTED, PUBLISH_ON_BEHALF
from tests.support.recording_vendor import Recorded, RecordingVendor, find_token

FORMAT = AudioFormat(24_000)
CHUNK_S = 0.02
RPC_S = 5.0


class SdkWorker:
    """An avatar that plays the audio of an SDK's session, and reports to the agent by RPC."""

    def __init__(self, link: RoomLink) -> None:
        self._link = link
        self._agent = link.attributes[PUBLISH_ON_BEHALF]
        self._audio: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._track: Any = None
        self._played_s = 0.0
        self._task = asyncio.create_task(self._work(), name="worker of an SDK")

    def push(self, pcm: bytes) -> None:
        """Add audio to the current segment."""
        size = FORMAT.size(CHUNK_S)
        for start in range(0, len(pcm), size):
            self._audio.put_nowait(pcm[start : start + size])

    def end(self) -> None:
        """End the current segment."""
        self._audio.put_nowait(None)

    async def cut(self) -> None:
        """Drop the audio that was not played, and report the position."""
        while not self._audio.empty():
            self._audio.get_nowait()
        played_s = self._played_s
        if self._track is not None:
            played_s -= self._track.queued_s
            self._track.clear()
        self._played_s = 0.0
        await self._finish(played_s, interrupted=True)

    async def stop(self) -> None:
        """Leave the room."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _work(self) -> None:
        self._track = await self._link.publish_audio(FORMAT, name="avatar_audio")
        await self._link.publish_video(64, 64, 25.0, name="avatar_video")
        try:
            while True:
                pcm = await self._audio.get()
                if pcm is not None:
                    await self._track.capture(pcm)
                    if self._played_s == 0.0:
                        await self._call(PLAYBACK_STARTED, {})
                    self._played_s += FORMAT.duration_s(len(pcm))
                elif self._played_s:
                    await asyncio.sleep(self._track.queued_s)
                    played_s, self._played_s = self._played_s, 0.0
                    await self._finish(played_s, interrupted=False)
        finally:
            with contextlib.suppress(Exception):
                await self._link.aclose()

    async def _finish(self, position_s: float, *, interrupted: bool) -> None:
        report = {"playback_position": position_s, "interrupted": interrupted}
        await self._call(PLAYBACK_FINISHED, report)

    async def _call(self, method: str, payload: dict[str, Any]) -> None:
        with contextlib.suppress(RoomError):
            await self._link.call(self._agent, method, json.dumps(payload), timeout_s=RPC_S)


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
        await self._worker.stop()

    @property
    def _worker(self) -> SdkWorker:
        worker: Any = self._vendor.workers[-1]
        sdk: SdkWorker = worker.sdk
        return sdk


def install(patch: pytest.MonkeyPatch, plugin: str, vendor: RecordingVendor) -> None:
    """Give a plugin sessions of this module instead of those of its vendor's SDK."""
    patch.setattr(
        f"livekit.plugins.{plugin}.avatar.new_avatar_session",
        lambda **options: SdkSession(vendor, **options),
    )
