"""The sum of the audio of several tracks of one participant."""

from __future__ import annotations

import numpy as np

MOST_FRAMES = 5
"""The most frames of one track that wait for the first track. If the first track is late, the
oldest frames are dropped."""


class TrackSum:
    """Adds the audio of several tracks. The first track sets the pace of the sum.

    Args:
        frame_bytes: Size of the frames in bytes.
    """

    def __init__(self, frame_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._waiting: dict[str, bytearray] = {}
        """The audio of each track that waits, by the sid of the track, in the order of arrival."""

    def add(self, sid: str, pcm: bytes) -> bytes:
        """Add the next audio of one track.

        Args:
            sid: Sid of the track.
            pcm: Whole samples: int16, mono.

        Returns:
            The sum, as long as `pcm`, if the track is the first track; otherwise no audio.
        """
        waiting = self._waiting.setdefault(sid, bytearray())
        if sid != next(iter(self._waiting)):
            waiting += pcm
            del waiting[: max(0, len(waiting) - MOST_FRAMES * self._frame_bytes)]
            return b""
        if len(self._waiting) == 1:
            return pcm
        total = np.frombuffer(pcm, "<i2").astype(np.int32)
        for other in self._waiting.values():
            piece = np.frombuffer(bytes(other[: len(pcm)]), "<i2")
            total[: len(piece)] += piece
            del other[: len(pcm)]
        return np.clip(total, -32_768, 32_767).astype("<i2").tobytes()

    def remove(self, sid: str) -> None:
        """Remove a track. The next track becomes the first track.

        Args:
            sid: Sid of the track. A track without audio has no effect.
        """
        self._waiting.pop(sid, None)
        for waiting in self._waiting.values():
            waiting.clear()
