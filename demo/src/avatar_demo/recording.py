"""What a listener heard and saw, as a film: sound and pictures in sync, and no hole in it."""

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
from avatar_demo.film import FPS, RATE_HZ, AnyPicture, Film, failed
from avatar_demo.tracks import Floats, Piece, Track

HOLD_S = 0.6
"""So long after its time a moment is written: what is late is there by then."""
STEP_S = 0.1
"""So far apart are the moments of writing; a resampler holds back less."""
STILL_S = 0.5
"""A face that shows nothing new for so long is gone."""
SIZE = (512, 512)
PATIENCE_S = 10.0
"""After so long without a picture the film gets `SIZE`."""
MOST_WAITING = 250  # pictures for a writer that falls behind

GROUND, BAR = (17, 20, 30), (88, 110, 156)
BARS, FULL_RMS = 5, 0.2
LEVELS = BARS // 2 + 1  # the newest in the middle, older ones to its sides


class Recorder:
    """Records a room into an mp4; a thread writes, so nobody waits for it. Close it, or enter it.

    Before the first picture, and where the face is gone, bars of the level move on a dark
    ground. Of several faces at once the one that was there first is shown.

    Args:
        path: Of the mp4; it appears there when it is complete.

    Raises:
        ConfigError: No file can be written there, or there is no encoder.
    """

    def __init__(self, path: Path) -> None:
        self._script = _Script(Film(path))
        self._told: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._delay_s: dict[str, float] = {}
        self._fault: Exception | None = None
        self._wanted = True
        self._thread = threading.Thread(target=self._write, name="avatar-recorder", daemon=True)
        self._thread.start()

    def hear(self, track: str, at_s: float, pcm: bytes, rate_hz: int) -> None:
        """Mono int16 PCM, and when its first sample was heard, seconds on any one clock."""
        self._told.put((track, at_s, pcm, rate_hz))

    def see(
        self, track: str, at_s: float, picture: AnyPicture, stamp_s: float | None = None
    ) -> None:
        """A picture, RGBA or I420, and when it was seen; it may not change from here on.

        Args:
            track: Whose.
            at_s: On the clock of `hear`.
            picture: The first one fixes the size of the film.
            stamp_s: When it was to be seen, on a clock that runs as fast: the better time
                where the listener is busy.
        """
        if stamp_s is not None:
            delay_s = min(at_s - stamp_s, self._delay_s.get(track, at_s - stamp_s))
            self._delay_s[track] = delay_s
            at_s = stamp_s + delay_s
        if self._told.qsize() < MOST_WAITING:
            self._told.put((track, at_s, picture))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, Exception):
            self._wanted = False  # what failed is no film; what was interrupted is one
        with suppress(AvatarError) if kind is not None else nullcontext():
            await self.aclose()

    async def aclose(self) -> None:
        """Complete the film; idempotent.

        Raises:
            AvatarError: It could not be written, or there is nothing in it.
        """
        self._told.put(None)
        await asyncio.to_thread(self._thread.join)
        if isinstance(self._fault, AvatarError):
            raise self._fault
        if self._fault is not None:
            raise failed(self._script.film.path, self._fault) from self._fault

    def _write(self) -> None:
        while (told := self._told.get()) is not None:
            self._attempt(self._script.add, *told)
        if self._wanted:
            self._attempt(self._script.finish)
        if self._fault is not None or not self._wanted:
            self._script.film.discard()

    def _attempt(self, act: Callable[..., None], *told: Any) -> None:
        """Nothing more is tried after the first fault."""
        if self._fault is None:
            try:
                act(*told)
            except Exception as error:
                self._fault = error


class _Script:
    """Puts what was heard and seen in order, and plays it to the film up to a safe moment."""

    def __init__(self, film: Film) -> None:
        self.film = film
        self._begin_s: float | None = None
        self._newest_s = self._played_s = 0.0
        self._tracks: dict[str, Track] = {}
        self._mix = np.zeros(0, np.float32)  # of what is not written yet
        self._written = 0  # samples
        self._pictures: deque[tuple[float, str, AnyPicture]] = deque()
        self._face = ""
        self._face_s = -STILL_S
        self._still_s = -1 / FPS
        self._levels = deque([0.0] * LEVELS, maxlen=LEVELS)

    def add(self, track: str, at_s: float, what: Any, rate_hz: int = 0) -> None:
        """Something was heard, or seen where it has no rate."""
        if self._begin_s is None:
            self._begin_s = at_s
        at_s -= self._begin_s
        if rate_hz:
            piece = Piece(at_s, np.frombuffer(what, "<i2"), rate_hz)
            self._tracks.setdefault(track, Track()).waiting.append(piece)
            at_s += piece.duration_s
        else:
            self._pictures.append((at_s, track, what))
        self._newest_s = max(self._newest_s, at_s)
        if self._newest_s - HOLD_S >= self._played_s + STEP_S:
            self._play(self._newest_s - HOLD_S, patient=self._newest_s < PATIENCE_S)

    def finish(self) -> None:
        """Play the rest."""
        if self._begin_s is None:
            raise AvatarError(
                f"nothing was heard or seen, so there is no {self.film.path}.",
                hint="See whether the agent came into the room.",
            )
        self._play(self._newest_s)
        self.film.finish()

    def _play(self, until_s: float, *, patient: bool = False) -> None:
        if self.film.size is None:
            if patient and not self._pictures:
                return
            first = self._pictures[0][2] if self._pictures else None
            self.film.begin(*((first.width, first.height) if first else SIZE))
        self._played_s = until_s
        for track in self._tracks.values():
            track.play(until_s + STEP_S, self._lay)
        while self._pictures and self._pictures[0][0] <= until_s:
            at_s, track_name, picture = self._pictures.popleft()
            self._stills(at_s)
            if track_name == self._face or at_s - self._face_s >= STILL_S:
                self._face, self._face_s = track_name, at_s
                self.film.show(at_s, picture)
        self._stills(until_s)
        count = max(0, round(until_s * RATE_HZ) - self._written)
        ready = np.pad(self._mix[:count], (0, max(0, count - self._mix.size)))
        self._mix, self._written = self._mix[count:], self._written + count
        self.film.sound(np.rint(np.clip(ready, -1, 1) * 32767).astype(np.int16))

    def _lay(self, at: int, samples: Floats) -> None:
        """Add sound from a sample on; what is before that which was written is lost."""
        at -= self._written
        samples, at = samples[max(0, -at) :], max(0, at)
        if (missing := at + samples.size - self._mix.size) > 0:
            self._mix = np.pad(self._mix, (0, missing))
        self._mix[at : at + samples.size] += samples

    def _stills(self, until_s: float) -> None:
        """Fill the time without a face."""
        at_s = max(self._face_s + STILL_S, self._still_s + 1 / FPS)
        while at_s < until_s:
            begin = max(0, round(at_s * RATE_HZ) - self._written)
            heard = self._mix[begin : begin + RATE_HZ // FPS]
            self._levels.append(float(np.sqrt(np.mean(heard**2))) if heard.size else 0.0)
            assert self.film.size is not None
            self.film.show(at_s, _still(*self.film.size, list(self._levels)))
            self._still_s, at_s = at_s, at_s + 1 / FPS


def _still(width: int, height: int, levels: Sequence[float]) -> VideoFrame:
    """Upright bars with round ends on a dark ground."""
    pixels = np.empty((height, width, 4), np.uint8)
    pixels[:] = (*GROUND, 255)
    radius = min(width, height) / 48
    rows, columns = np.ogrid[:height, :width]
    for bar in range(BARS):
        off = bar - BARS // 2
        reach = 8 * radius * min(1.0, levels[-1 - abs(off)] / FULL_RMS) ** 0.5
        beyond = np.maximum(abs(rows + 0.5 - height / 2) - reach, 0)
        left = int(width / 2 + 4 * radius * off - radius) - 1
        part = slice(max(0, left), left + int(2 * radius) + 4)
        away = np.hypot(columns[:, part] + 0.5 - width / 2 - 4 * radius * off, beyond)
        cover = np.clip(radius - away + 0.5, 0, 1)[..., None]
        pixels[:, part, :3] = np.rint(pixels[:, part, :3] * (1 - cover) + np.array(BAR) * cover)
    return VideoFrame(width, height, pixels.reshape(-1).data)
