"""A player over two scripted transports, and the laws of what a listener hears of it."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError
from avatar_core.playback.player import Player
from avatar_core.playback.segment import INAUDIBLE_S
from avatar_core.playback.transport import Transport
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import MONO, FakeTransport, lost, speech
from avatar_core.testing.playback_laws import Recorder
from avatar_core.testing.timeline import Timeline

SILENT_S = 0.3
"""The health's part: a transport that plays nothing of what it has is lost after this."""
PHASES = {
    "at once": 0.0,
    "as the first chunk is sent": 0.005,
    "before the first sound": 0.04,
    "at the first sound": 0.06,
    "in the middle": 1.0,
    "in a silence": 1.15,
    "as the last chunk was pushed": 1.55,
    "after the last chunk was pushed": 1.9,
    "at the end": 2.045,
}
"""Of a segment of 2 s over a transport with 50 ms of latency."""
at_every_phase = pytest.mark.parametrize("at_s", PHASES.values(), ids=PHASES.keys())


class World:
    """One conversation, and its `TransportChooser`: the avatar first, the voice after a loss.

    Attributes:
        avatar, voice: The transports; no voice means that none is left after a loss.
        ear: What the player told.
        said: The audio of each segment, by id, in `format`.
    """

    def __init__(
        self,
        *,
        avatar_format: AudioFormat | None = None,
        run_ahead_s: float = 0.5,
        latency_s: float = 0.05,
        report_s: float = 0.05,
        has_voice: bool = True,
    ) -> None:
        self.timeline = Timeline()
        self.avatar = FakeTransport(
            "avatar",
            self.timeline,
            format=avatar_format,
            run_ahead_s=run_ahead_s,
            latency_s=latency_s,
            report_s=report_s,
        )
        self.voice = (
            FakeTransport("voice", self.timeline, run_ahead_s=0.2, latency_s=0.01)
            if has_voice
            else None
        )
        self.ear = Recorder(self.timeline)
        self.player = Player(self.ear)
        for transport in (self.avatar, self.voice):
            if transport is not None:
                transport.paused = lambda: self.player._paused
        self.held: asyncio.Event | None = None
        self.said: dict[int, bytearray] = {}
        self.format = MONO
        self._open = False
        self._begun = 0
        self.player.use(self)

    # TransportChooser.

    async def at_start(self) -> Transport:
        if self.held is not None:
            await self.held.wait()
        if self.avatar.transport.lost is None:
            return self.avatar.transport
        return await self.after_loss()

    async def after_loss(self) -> Transport:
        if self.voice is None:
            raise lost("there is no voice")
        return self.voice.transport

    # AgentSession.

    def push(self, pcm: bytes) -> int:
        """Push audio; return its segment's id."""
        if not self._open:
            self._open = True
            self._begun += 1
            self.said[self._begun] = bytearray()
            self.timeline.note(f"segment {self._begun} begins")
        if self._begun not in self.ear.cleared_at:
            self.said[self._begun] += pcm
        self.player.push(pcm, self.format)
        return self._begun

    def end(self) -> None:
        self.timeline.note("end")
        self._open = False
        self.player.end()

    def say(self, duration_s: float) -> int:
        """Push a whole segment; return its id."""
        segment_id = self.push(speech(duration_s, self.format, seed=self._begun))
        self.end()
        return segment_id

    def clear(self) -> None:
        self.timeline.note("clear")
        for segment_id in self.said:
            if segment_id not in self.ear.finished_ids:
                self.ear.cleared_at.setdefault(segment_id, now())
        self.player.clear()

    def pause(self) -> None:
        self.timeline.note("pause")
        self.player.pause()

    def resume(self) -> None:
        self.timeline.note("resume")
        self.player.resume()

    def lose(
        self, transport: FakeTransport | None = None, error: AvatarError | None = None
    ) -> None:
        transport = transport or self.avatar
        self.timeline.note(f"lose {transport.name}")
        transport.transport.lose(error or lost())

    async def die(
        self, transport: FakeTransport | None = None, noticed_s: float = SILENT_S
    ) -> None:
        """A transport dies, and the health sees it a while later."""
        transport = transport or self.avatar
        transport.die()
        await asyncio.sleep(noticed_s)
        self.lose(transport)

    # What was heard.

    def heard_s(self, segment_id: int) -> float:
        """Seconds of sound heard of a segment, on all transports."""
        return sum(
            run.take.format.duration_s(len(run.pcm))
            for transport in (self.avatar, self.voice)
            if transport is not None
            for run in transport.runs
            if run.take.segment_id == segment_id
        )

    def counts(self, segment_id: int) -> np.ndarray:
        """How often each sample of a segment was heard; wrong samples are a fault."""
        pcm = bytes(self.said[segment_id])
        counts = np.zeros(len(pcm) // self.format.frame_bytes, dtype=int)
        for transport in (self.avatar, self.voice):
            for run in transport.runs if transport is not None else ():
                if run.take.segment_id != segment_id or run.take.format != self.format:
                    continue
                start = self.format.size(run.take.offset_s) + run.start
                if pcm[start : start + len(run.pcm)] != run.pcm:
                    self.timeline.fault(f"{run.take}: wrong audio at byte {run.start}")
                first = start // self.format.frame_bytes
                counts[first : first + len(run.pcm) // self.format.frame_bytes] += 1
        return counts

    def check_whole(self, segment_id: int, *, twice_s: float = 0.0) -> None:
        """Every sample was heard; at most `twice_s` seconds of it more than once."""
        counts = self.counts(segment_id)
        rate = self.format.rate_hz
        audible = counts[: max(0, len(counts) - round(INAUDIBLE_S * rate))]
        if (missed := np.flatnonzero(audible == 0)).size:
            self.timeline.fault(
                f"segment {segment_id}: {missed.size} samples unheard, "
                f"from {missed[0] / rate:.4f} to {missed[-1] / rate:.4f} s"
            )
        again_s = float((counts - 1).clip(min=0).sum()) / rate
        if again_s > twice_s + 1e-3:
            self.timeline.fault(f"segment {segment_id}: {again_s:.3f} s heard more than once")

    def check(self) -> None:
        """Every law that always holds."""
        for segment_id in self.said:
            self.counts(segment_id)
        for transport in (self.avatar, self.voice):
            if (
                transport is not None
                and transport.most_ahead_s > transport.transport.run_ahead_s + 1e-6
            ):
                self.timeline.fault(f"{transport.name}: {transport.most_ahead_s:.3f} s on the wire")
        self.timeline.check()

    async def finished(self, segment_id: int, within_s: float) -> None:
        """Wait for a finish; a fault if it takes too long."""
        try:
            async with asyncio.timeout(within_s):
                await self.ear.until(segment_id)
        except TimeoutError:
            self.timeline.fault(f"segment {segment_id} was not finished within {within_s:.3f} s")
            self.check()

    async def aclose(self) -> None:
        await self.player.aclose()
        await self.avatar.aclose()
        if self.voice is not None:
            await self.voice.aclose()
        self.check()
