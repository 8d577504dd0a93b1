"""A recording of everything that was heard in a room in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.renderer import VideoFrame
from avatar_core.testing.audio.tones import HeardWord, decode_tones


@dataclass(slots=True)
class Run:
    """A piece of one participant's audio without a gap.

    Attributes:
        identity: The identity of the participant that published the track.
        at_s: Loop time of the first sample, in seconds.
        format: The format of `pcm`.
        pcm: The audio that was heard, as interleaved int16 samples.
    """

    identity: str
    at_s: float
    format: AudioFormat
    pcm: bytearray

    @property
    def end_s(self) -> float:
        """The loop time of the end of the last sample, in seconds."""
        return self.at_s + self.format.duration_s(len(self.pcm))

    def since(self, at_s: float) -> bytes:
        """Return the audio that was heard from a given time until the end.

        Args:
            at_s: Loop time in seconds; a time before the first sample returns all the audio.

        Returns:
            Interleaved int16 PCM in `format`.
        """
        return bytes(self.pcm[self.format.size(max(0.0, at_s - self.at_s)) :])


@dataclass
class Recording:
    """A recording of all audio in the room, exact to the sample, and a count of video frames.

    Attributes:
        runs: The pieces of audio, in the order of their first samples.
        video_frames: The number of video frames received, by identity. The frames are not kept.
        watch: Called with the identity of the sender and each video frame; None for no call.
        listening: Set once a listener is subscribed to every track. Audio before that is not
            recorded.
    """

    runs: list[Run] = field(default_factory=list)
    video_frames: dict[str, int] = field(default_factory=dict)
    watch: Callable[[str, VideoFrame], None] | None = None
    listening: asyncio.Event = field(default_factory=asyncio.Event)

    def heard(self, identity: str, at_s: float, format: AudioFormat, pcm: bytes) -> None:
        """Add audio to the participant's last run, or begin a new run if there was a gap.

        Args:
            identity: The identity of the participant that published the track.
            at_s: Loop time of the first sample, in seconds.
            format: The format of `pcm`.
            pcm: Interleaved int16 PCM, whole samples.
        """
        if not self.listening.is_set():
            return
        for run in reversed(self.runs):
            if run.identity == identity:
                if abs(run.end_s - at_s) < 1e-6 and run.format == format:
                    run.pcm += pcm
                    return
                break
        self.runs.append(Run(identity, at_s, format, bytearray(pcm)))

    def seen(self, identity: str, video_frame: VideoFrame) -> None:
        """Count a video frame, and pass the frame to `watch`.

        Args:
            identity: The identity of the participant that published the track.
            video_frame: The video frame that the participant showed.
        """
        self.video_frames[identity] = self.video_frames.get(identity, 0) + 1
        if self.watch is not None:
            self.watch(identity, video_frame)

    def tones(self) -> list[HeardWord]:
        """Return the word tones that were heard.

        Returns:
            The tones of one run after another, each with loop times, and with the identity of its
            participant as `track`.
        """
        return [
            tone.moved(run.at_s, run.identity)
            for run in self.runs
            for tone in decode_tones(bytes(run.pcm), run.format.rate_hz)
        ]

    def seconds(self, identity: str | None = None) -> float:
        """Return the duration of the audio that was heard, in seconds.

        Args:
            identity: The identity of one participant; None adds up the audio of all participants.

        Returns:
            The duration in seconds.
        """
        return sum(run.end_s - run.at_s for run in self.runs if identity in (None, run.identity))
