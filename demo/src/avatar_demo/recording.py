"""Records the audio and video of a listener into an mp4 file with synchronous tracks."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.renderer import VideoFrame
from avatar_demo.mp4 import FPS, RATE_HZ, AnyVideoFrame, Mp4Writer, recording_error
from avatar_demo.tracks import AudioChunk, AudioTrack, Floats

HOLD_S = 0.6
"""Seconds from the time of audio or video until it is written, so that late data can arrive."""
STEP_S = 0.1
"""Seconds of audio and video that are written at once; a resampler holds back less."""
FREEZE_S = 0.5
"""Seconds without a new video frame after which moving bars replace the video."""
SIZE = (512, 512)
SIZE_TIMEOUT_S = 10.0
"""Seconds without a video frame after which the recording gets the size `SIZE`."""
MAX_QUEUED = 250
"""Length of the writer thread's queue from which the recorder drops new video frames."""

BACKGROUND, BAR = (17, 20, 30), (88, 110, 156)
BARS, FULL_RMS = 5, 0.2
LEVELS = BARS // 2 + 1
"""Number of volume levels in the bars: the newest in the middle, older ones at the sides."""


class Recorder:
    """A recorder of a room into an mp4 file; a thread encodes, so that no method blocks.

    While there is no video, the recording shows bars that move with the volume of the audio. If
    several tracks send video, the recording shows the track that started first. Call `aclose` at
    the end, or use `async with`, which discards the recording if the block raises an error.

    Args:
        path: Path of the mp4 file; the recorder creates the file once it is complete.

    Raises:
        ConfigError: The path does not end in .mp4, its folder cannot be written, PyAV is not
            installed, or PyAV has no encoder for H.264 or AAC.
    """

    def __init__(self, path: Path) -> None:
        self._timeline = _Timeline(Mp4Writer(path))
        self._queue: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._delay_s: dict[str, float] = {}
        self._error: Exception | None = None
        self._wanted = True
        self._thread = threading.Thread(target=self._write, name="avatar-recorder", daemon=True)
        self._thread.start()

    def add_audio(self, track: str, at_s: float, pcm: bytes, rate_hz: int) -> None:
        """Add audio that has arrived.

        Args:
            track: Name of the track.
            at_s: Time at which the first sample could be heard, in seconds on a clock that all
                tracks share.
            pcm: Mono int16 PCM.
            rate_hz: Sample rate of `pcm`.
        """
        self._queue.put((track, at_s, pcm, rate_hz))

    def add_video(
        self, track: str, at_s: float, video_frame: AnyVideoFrame, stamp_s: float | None = None
    ) -> None:
        """Add a video frame that has arrived; the caller must not change it afterwards.

        Args:
            track: Name of the track.
            at_s: Arrival time of the frame, in seconds on the clock of `add_audio`.
            video_frame: An RGBA frame of a renderer or any frame of livekit.rtc. The first frame
                fixes the size of the recording.
            stamp_s: Presentation time of the frame, in seconds on any clock of the same speed. In a
                busy process it is more accurate than `at_s`.
        """
        if stamp_s is not None:
            delay_s = min(at_s - stamp_s, self._delay_s.get(track, at_s - stamp_s))
            self._delay_s[track] = delay_s
            at_s = stamp_s + delay_s
        if self._queue.qsize() < MAX_QUEUED:
            self._queue.put((track, at_s, video_frame))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, Exception):
            self._wanted = False  # a cancelled recording is kept, a failed one is not
        with suppress(AvatarError) if kind is not None else nullcontext():
            await self.aclose()

    async def aclose(self) -> None:
        """Complete the file; later calls only raise the same error, if there is one.

        Raises:
            AvatarError: The file could not be written, or no audio and video arrived.
        """
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        if isinstance(self._error, AvatarError):
            raise self._error
        if self._error is not None:
            raise recording_error(self._timeline.writer.path, self._error) from self._error

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            self._attempt(self._timeline.add, *item)
        if self._wanted:
            self._attempt(self._timeline.finish)
        if self._error is not None or not self._wanted:
            self._timeline.writer.discard()

    def _attempt(self, act: Callable[..., None], *arguments: Any) -> None:
        """Call a function unless an earlier call has failed, and keep its error."""
        if self._error is None:
            try:
                act(*arguments)
            except Exception as error:
                self._error = error


class _Timeline:
    """Sorts audio and video by time, and writes all but the newest 0.6 s to the file."""

    def __init__(self, writer: Mp4Writer) -> None:
        self.writer = writer
        self._start_s: float | None = None
        self._newest_s = self._written_s = 0.0
        self._tracks: dict[str, AudioTrack] = {}
        self._mix = np.zeros(0, np.float32)  # audio that is not written yet
        self._written = 0  # samples
        self._video_frames: deque[tuple[float, str, AnyVideoFrame]] = deque()
        self._shown_track = ""
        self._shown_s = -FREEZE_S
        self._bars_s = -1 / FPS
        self._levels = deque([0.0] * LEVELS, maxlen=LEVELS)

    def add(self, track: str, at_s: float, data: Any, rate_hz: int = 0) -> None:
        """Add PCM, or a video frame if `rate_hz` is 0.

        Args:
            track: Name of the track.
            at_s: Time of the data in seconds on the clock of `Recorder.add_audio`.
            data: Mono int16 PCM or a video frame.
            rate_hz: Sample rate of the PCM; 0 for a video frame.
        """
        if self._start_s is None:
            self._start_s = at_s
        at_s -= self._start_s
        if rate_hz:
            chunk = AudioChunk(at_s, np.frombuffer(data, "<i2"), rate_hz)
            self._tracks.setdefault(track, AudioTrack()).waiting.append(chunk)
            at_s += chunk.duration_s
        else:
            self._video_frames.append((at_s, track, data))
        self._newest_s = max(self._newest_s, at_s)
        if self._newest_s - HOLD_S >= self._written_s + STEP_S:
            wait_for_size = self._newest_s < SIZE_TIMEOUT_S
            self._write(self._newest_s - HOLD_S, wait_for_size=wait_for_size)

    def finish(self) -> None:
        """Write the remaining audio and video, and complete the file.

        Raises:
            AvatarError: No audio and video arrived.
        """
        if self._start_s is None:
            raise AvatarError(
                f"The demo did not record {self.writer.path}, because it received no audio or "
                "video.",
                hint="Check that the agent joined the room.",
            )
        self._write(self._newest_s)
        self.writer.finish()

    def _write(self, until_s: float, *, wait_for_size: bool = False) -> None:
        if self.writer.size is None:
            if wait_for_size and not self._video_frames:
                return
            first = self._video_frames[0][2] if self._video_frames else None
            self.writer.start(*((first.width, first.height) if first else SIZE))
        self._written_s = until_s
        for track in self._tracks.values():
            track.place(until_s + STEP_S, self._add_to_mix)
        while self._video_frames and self._video_frames[0][0] <= until_s:
            at_s, track_name, video_frame = self._video_frames.popleft()
            self._fill_with_bars(at_s)
            if track_name == self._shown_track or at_s - self._shown_s >= FREEZE_S:
                self._shown_track, self._shown_s = track_name, at_s
                self.writer.add_video(at_s, video_frame)
        self._fill_with_bars(until_s)
        count = max(0, round(until_s * RATE_HZ) - self._written)
        ready = np.pad(self._mix[:count], (0, max(0, count - self._mix.size)))
        self._mix, self._written = self._mix[count:], self._written + count
        self.writer.add_audio(np.rint(np.clip(ready, -1, 1) * 32767).astype(np.int16))

    def _add_to_mix(self, at: int, samples: Floats) -> None:
        """Add audio that starts at a sample of the file; drop the part that arrived too late."""
        at -= self._written
        samples, at = samples[max(0, -at) :], max(0, at)
        if (missing := at + samples.size - self._mix.size) > 0:
            self._mix = np.pad(self._mix, (0, missing))
        self._mix[at : at + samples.size] += samples

    def _fill_with_bars(self, until_s: float) -> None:
        """Write frames with bars if there was no video frame for `FREEZE_S` seconds."""
        at_s = max(self._shown_s + FREEZE_S, self._bars_s + 1 / FPS)
        while at_s < until_s:
            start = max(0, round(at_s * RATE_HZ) - self._written)
            heard = self._mix[start : start + RATE_HZ // FPS]
            self._levels.append(float(np.sqrt(np.mean(heard**2))) if heard.size else 0.0)
            assert self.writer.size is not None
            self.writer.add_video(at_s, _draw_bars(*self.writer.size, list(self._levels)))
            self._bars_s, at_s = at_s, at_s + 1 / FPS


def _draw_bars(width: int, height: int, levels: Sequence[float]) -> VideoFrame:
    """Draw vertical bars with round ends, whose heights follow the volume levels.

    Args:
        width: Width of the frame in pixels.
        height: Height of the frame in pixels.
        levels: Root mean squares of the audio from 0 to 1, the newest last.
    """
    pixels = np.empty((height, width, 4), np.uint8)
    pixels[:] = (*BACKGROUND, 255)
    radius = min(width, height) / 48
    rows, columns = np.ogrid[:height, :width]
    for bar in range(BARS):
        offset = bar - BARS // 2
        half = 8 * radius * min(1.0, levels[-1 - abs(offset)] / FULL_RMS) ** 0.5
        beyond = np.maximum(abs(rows + 0.5 - height / 2) - half, 0)
        left = int(width / 2 + 4 * radius * offset - radius) - 1
        part = slice(max(0, left), left + int(2 * radius) + 4)
        distance = np.hypot(columns[:, part] + 0.5 - width / 2 - 4 * radius * offset, beyond)
        cover = np.clip(radius - distance + 0.5, 0, 1)[..., None]
        pixels[:, part, :3] = np.rint(pixels[:, part, :3] * (1 - cover) + np.array(BAR) * cover)
    return VideoFrame(width, height, pixels.reshape(-1).data)
