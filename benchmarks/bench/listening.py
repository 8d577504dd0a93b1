"""A listener in a process of its own, so that measuring costs the measured nothing."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Self

import numpy as np
from livekit import rtc

from avatar_core.contracts.clock import loop_time
from avatar_core.testing.audio.meter import AudioMeter, LightMeter, Span, brightness_of
from avatar_core.testing.children import ChildProcess, run_as_child
from avatar_core.testing.flash_renderer import LOUD_RMS
from avatar_core.testing.listener import Listener

LOOK_S = 0.1


@dataclass(slots=True)
class Heard:
    """What came to the listener in a stretch of time; all times on the machine's monotonic clock.

    Attributes:
        sounds: For each audio track, start and end of what was loud.
        lights: When the picture turned from dark to light.
        words: Words heard, by track: word, start, share of it.
        first_picture: When the first picture of all came, 0 while there was none.
        data_bytes: Of data packets that reached this bystander, since it joined.
    """

    sounds: dict[str, list[Span]] = field(default_factory=dict)
    lights: list[float] = field(default_factory=list)
    words: dict[str, list[tuple[str, float, float]]] = field(default_factory=dict)
    first_picture: float = 0.0
    data_bytes: int = 0

    @property
    def first(self) -> float | None:
        """The first sound of any track."""
        return min((spans[0][0] for spans in self.sounds.values() if spans), default=None)

    @property
    def last(self) -> float | None:
        """The last sound of any track."""
        return max((spans[-1][1] for spans in self.sounds.values() if spans), default=None)

    @property
    def onsets(self) -> list[float]:
        """When silence turned into sound, on any track."""
        return sorted(start for spans in self.sounds.values() for start, _ in spans)


class Listening:
    """The other end of the pipe."""

    def __init__(self, child: ChildProcess) -> None:
        self._child = child

    @classmethod
    async def start(cls, url: str, token: str) -> Self:
        """Join a room with a token that may subscribe."""
        return cls(await ChildProcess.start("benchmarks.bench.listening", url=url, token=token))

    async def heard(self, since: float) -> Heard:
        """What was heard since that time."""
        self._child.send_line(since)
        return Heard(**json.loads(await self._child.read_line()))

    async def first_picture(self) -> float:
        """Wait for the first picture of all; returns when it came."""
        while not (seen := (await self.heard(loop_time())).first_picture):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
        return seen

    async def stop(self) -> None:
        """Leave."""
        await self._child.stop()


class _Senses:
    """What the child has heard and seen so far."""

    def __init__(self) -> None:
        self.ears: dict[str, AudioMeter] = {}
        self.eye = LightMeter()
        self.first_picture = 0.0

    def hear(self, track: str, at_s: float, pcm: bytes, rate_hz: int) -> None:
        self.ears.setdefault(track, AudioMeter(LOUD_RMS)).add(track, at_s, pcm, rate_hz)

    def see(self, _: str, at_s: float, stamp_s: float, frame: rtc.VideoFrame) -> None:
        self.first_picture = self.first_picture or at_s
        luma = np.frombuffer(frame.data, np.uint8, frame.width * frame.height)
        self.eye.add(at_s, brightness_of(luma[::16]), stamp_s)

    def tell(self, since: float) -> Heard:
        heard = Heard(first_picture=self.first_picture)
        heard.lights = [start for start, _ in self.eye.flashes(since)]
        for track, ear in self.ears.items():
            if spans := ear.sounds(since):
                heard.sounds[track] = spans
                words = ear.decode(since)
                heard.words[track] = [(word.word, word.start_s, word.share) for word in words]
        return heard


async def _serve(url: str, token: str) -> None:
    senses = _Senses()
    listener = await Listener.join(url, token, senses.hear, senses.see)
    loop, asked = asyncio.get_running_loop(), asyncio.Queue[str]()
    loop.add_reader(sys.stdin, lambda: asked.put_nowait(sys.stdin.readline()))
    _say("READY")
    while question := await asked.get():
        heard = senses.tell(json.loads(question))
        heard.data_bytes = await listener.data_bytes()
        _say(json.dumps(asdict(heard)))
    await listener.aclose()


def _say(what: str) -> None:
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run_as_child(_serve)
