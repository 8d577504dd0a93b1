"""The agent's side of the stock classes: a `DataStreamAudioOutput`, and an avatar under control."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from livekit import rtc
from livekit.agents.voice.avatar import DataStreamAudioOutput
from livekit.agents.voice.io import PlaybackFinishedEvent

from avatar_core.testing.clock import now
from tests.weaknesses.stock_room import StockHub, StockRoom

RATE_HZ = 24_000
AGENT, AVATAR = "agent", "avatar"
CLEAR, STARTED, FINISHED = "lk.clear_buffer", "lk.playback_started", "lk.playback_finished"
AUDIO_TOPIC = "lk.audio_stream"


def audio_frame(duration_s: float = 0.02, rate_hz: int = RATE_HZ) -> rtc.AudioFrame:
    """Return a frame of mono audio with sound in it.

    Args:
        duration_s: The duration in seconds.
        rate_hz: The sample rate in Hz.

    Returns:
        The frame, int16.
    """
    samples = round(duration_s * rate_hz)
    return rtc.AudioFrame(b"\x01\x02" * samples, rate_hz, 1, samples)


class StockAgent:
    """A `DataStreamAudioOutput` in a room in memory, and an avatar that the test controls.

    Args:
        hub: The room; None creates a room.
        has_avatar: Whether the avatar is in the room from the start, with a video track.
        options: Arguments of `DataStreamAudioOutput`.

    Attributes:
        hub: The room.
        room: The agent's connection.
        output: The stock audio output.
        started: The loop time of each `playback_started` event.
        finished: The loop time and the event of each `playback_finished` event.
    """

    def __init__(
        self, hub: StockHub | None = None, *, has_avatar: bool = True, **options: Any
    ) -> None:
        self.hub = hub or StockHub()
        self.room = self.hub.join(AGENT)
        if has_avatar:
            self.join_avatar()
        self.output = DataStreamAudioOutput(
            self.room,  # type: ignore[arg-type]
            destination_identity=AVATAR,
            **options,
        )
        self.started: list[float] = []
        self.finished: list[tuple[float, PlaybackFinishedEvent]] = []
        self.output.on("playback_started", lambda _: self.started.append(now()))
        self.output.on("playback_finished", lambda event: self.finished.append((now(), event)))

    def join_avatar(self, *, has_video: bool = True) -> StockRoom:
        """Join the avatar, which accepts `lk.clear_buffer` and never finishes by itself.

        Args:
            has_video: Whether the avatar publishes a video track.

        Returns:
            The avatar's connection to the room.
        """
        room = self.hub.join(AVATAR)
        room.local_participant.register_rpc_method(CLEAR, lambda _: "ok")
        if has_video:
            self.publish_video()
        return room

    def publish_video(self) -> None:
        """Publish the avatar's video track."""
        avatar = self.avatar.local_participant
        publication = SimpleNamespace(sid="TR_V", kind=rtc.TrackKind.KIND_VIDEO)
        avatar.publications["TR_V"] = publication
        self.hub.tell_others(AVATAR, "track_published", publication, avatar)

    @property
    def avatar(self) -> StockRoom:
        """The avatar's connection."""
        return self.hub.rooms[AVATAR]

    @property
    def writers(self) -> list[Any]:
        """The byte streams of the agent."""
        return self.room.local_participant.writers

    async def push(self, duration_s: float) -> None:
        """Push audio to the open segment, in frames of 0.1 s or less.

        Args:
            duration_s: The duration of the audio in seconds.
        """
        while duration_s > 1e-9:
            await self.output.capture_frame(audio_frame(min(duration_s, 0.1)))
            duration_s -= 0.1

    async def say(self, duration_s: float) -> None:
        """Push a complete segment.

        Args:
            duration_s: The duration of the segment in seconds.
        """
        await self.push(duration_s)
        self.output.flush()

    async def finish(self, position_s: float, *, interrupted: bool = False, **more: Any) -> str:
        """Call `lk.playback_finished` as the avatar.

        Args:
            position_s: The position in seconds.
            interrupted: Whether the segment was interrupted.
            **more: Further keys of the payload.

        Returns:
            The response of the agent.
        """
        payload = {"playback_position": position_s, "interrupted": interrupted, **more}
        return await self.avatar.local_participant.perform_rpc(
            destination_identity=AGENT, method=FINISHED, payload=json.dumps(payload)
        )
