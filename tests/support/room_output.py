"""An audio output like that of LiveKit's RoomIO, in a room in memory."""

from __future__ import annotations

import asyncio
import time

from livekit import rtc
from livekit.agents.voice import io

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.tracks import AudioTrack
from avatar_core.testing.room.link import MemoryLink
from avatar_core.testing.script import RATE_HZ


class RoomOutput(io.AudioOutput):
    """Plays like the audio output of LiveKit's RoomIO, on a track in memory.

    It plays in real time, and continues when it is detached, as
    `voice/room_io/_output.py` of livekit-agents 1.8.9 does.

    Args:
        link: The agent's connection to the room.
    """

    def __init__(self, link: MemoryLink) -> None:
        super().__init__(
            label="RoomIO", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=RATE_HZ
        )
        self._link = link
        self._track: AudioTrack | None = None
        self._pending: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._played_s = 0.0
        self._clearing = False
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._playing = asyncio.create_task(self._play(), name="room-output")

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Queue a frame; do not wait for its playback.

        Args:
            frame: The frame, interleaved int16.
        """
        await super().capture_frame(frame)
        self._pending.put_nowait(bytes(frame.data))

    def flush(self) -> None:
        """Mark the segment as complete."""
        super().flush()
        self._pending.put_nowait(None)

    def clear_buffer(self) -> None:
        """Drop the queued audio of the segment."""
        self._clearing = self._pending_playback_count > 0

    def pause(self) -> None:
        """Stop the sound."""
        self._resumed.clear()

    def resume(self) -> None:
        """Continue the sound."""
        self._resumed.set()

    async def aclose(self) -> None:
        """Stop playing."""
        self._playing.cancel()
        await asyncio.gather(self._playing, return_exceptions=True)

    async def _play(self) -> None:
        format = AudioFormat(RATE_HZ)
        self._track = await self._link.publish_audio(format, name="roomio_audio")
        while True:
            pcm = await self._pending.get()
            if not self._clearing:
                await self._resumed.wait()
            if pcm is None:
                while not self._clearing and self._track.queued_s > 0:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                if self._clearing:
                    self._played_s -= self._track.queued_s
                    self._track.clear()
                position_s, self._played_s = max(0.0, self._played_s), 0.0
                interrupted, self._clearing = self._clearing, False
                self.on_playback_finished(playback_position=position_s, interrupted=interrupted)
            elif not self._clearing:
                if self._played_s == 0:
                    self.on_playback_started(created_at=time.time())
                self._played_s += format.duration_s(len(pcm))
                await self._track.capture(pcm)
