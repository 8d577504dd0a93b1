"""The avatar of a socket vendor: a participant that plays the audio that the vendor receives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.participants import RemoteParticipant, RoomEvent
from avatar_core.contracts.tracks import AudioTrack
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.testing.faults.fault_clock import FaultClock
from avatar_core.testing.faults.memory_worker import MemoryBody
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.faults.vendor_link import VendorLink
from avatar_core.testing.faults.worker import timed_faults
from avatar_core.testing.flash_renderer import FlashRenderer
from avatar_core.testing.room.members import Hub

FRAME_S = 0.02
SIDE = 64
FPS = 2.0

Report = Callable[[str, str, float], None]
"""Receives the kind of a report (`started`, `position`, `finished` or `cut`), the id of the take,
and the seconds of the take that were played."""


class SocketAvatar:
    """A participant that publishes a face and plays takes in real time.

    Args:
        format: The format of the audio.
        position_every_s: Seconds between two reports of the position; 0 for none.
        report: Receives the reports.

    Attributes:
        heard_s: Seconds of audio that the avatar has played in all takes.
        received_s: Seconds of audio that the avatar has received in all takes.
        is_ready: An event that is set when both tracks are published.
    """

    def __init__(self, format: AudioFormat, position_every_s: float, report: Report) -> None:
        self._format = format
        self._every_s = position_every_s
        self._report = report
        self._audio: AudioTrack | None = None
        self._takes: list[_Take] = []
        self._work = asyncio.Event()
        self._over = asyncio.Event()
        self.heard_s = self.received_s = 0.0
        self.is_ready = asyncio.Event()

    def begin(self, take_id: str) -> None:
        """Begin a take after the takes that are not over yet.

        Args:
            take_id: The id of the take; empty if the vendor's messages contain none.
        """
        for take in self._takes:
            take.is_complete = True
        self._takes.append(_Take(take_id))
        self._work.set()

    def push(self, pcm: bytes) -> None:
        """Add audio to the last take; begin a take if there is none.

        Args:
            pcm: PCM in the format of the avatar, whole samples.
        """
        if not self._takes or self._takes[-1].is_complete:
            self.begin("")
        self._takes[-1].pcm += pcm
        self.received_s += self._format.duration_s(len(pcm))
        self._work.set()

    def end(self) -> None:
        """Complete the last take, which then ends when its audio was played."""
        if self._takes:
            self._takes[-1].is_complete = True
        self._work.set()

    def cut(self) -> None:
        """Drop all audio that was not played, and report the take that was cut."""
        take = self._takes[0] if self._takes else None
        played_s = self.stop()
        if take is not None:
            self._report("cut", take.id, played_s)

    def stop(self) -> float:
        """Drop all audio that was not played, without a report.

        Returns:
            Seconds of the current take that were played; 0.0 without a take.
        """
        takes, self._takes = self._takes, []
        if self._audio is None or not takes:
            return 0.0
        queued_s = self._audio.queued_s
        self._audio.clear()
        self.heard_s -= queued_s
        return max(0.0, takes[0].played_s - queued_s)

    def leave(self) -> None:
        """Leave the room, which ends `run`."""
        self._over.set()

    async def run(self, link: RoomLink) -> None:
        """Publish the tracks, and play takes until the agent leaves or the room ends.

        Args:
            link: The avatar's connection to the room.

        Raises:
            RoomError: The tracks cannot be published.
        """
        agent = link.attributes.get(PUBLISH_ON_BEHALF, "")

        def look(event: RoomEvent, participant: RemoteParticipant | None) -> None:
            """End the avatar when it is disconnected or its agent leaves.

            Args:
                event: The room event.
                participant: The participant that the event is about, or None.
            """
            left = participant is not None and participant.identity == agent
            if event is RoomEvent.DISCONNECTED or (event is RoomEvent.LEFT and left):
                self._over.set()

        unwatch = link.watch(look)
        playing = None
        try:
            self._audio = await link.publish_audio(self._format, name="avatar-audio")
            video = await link.publish_video(SIDE, SIDE, FPS, name="avatar-video")
            face = FlashRenderer(SIDE, SIDE, FPS, self._format.rate_hz)
            self.is_ready.set()
            playing = asyncio.create_task(self._play(self._audio), name="socket avatar")
            while not self._over.is_set():
                video.capture(face.idle())
                with suppress(TimeoutError):
                    async with asyncio.timeout(1 / FPS):
                        await self._over.wait()
        finally:
            unwatch()
            if playing is not None:
                playing.cancel()
            await link.aclose()

    async def _play(self, audio: AudioTrack) -> None:
        size = self._format.size(FRAME_S)
        while True:
            take = self._takes[0] if self._takes else None
            if take is not None and take.pcm:
                frame = bytes(take.pcm[:size]).ljust(size, b"\0")
                del take.pcm[:size]
                await audio.capture(frame)
                if not (self._takes and self._takes[0] is take):
                    audio.clear()  # the cut came while this frame was on its way in
                else:
                    take.played_s += FRAME_S
                    self.heard_s += FRAME_S
                    self._note_progress(take, audio)
            elif take is not None and take.is_complete:
                await asyncio.sleep(audio.queued_s)
                if self._takes and self._takes[0] is take:
                    del self._takes[0]
                    self._report("finished", take.id, take.played_s)
            else:
                self._work.clear()
                await self._work.wait()

    def _note_progress(self, take: _Take, audio: AudioTrack) -> None:
        if not take.has_started:
            take.has_started = True
            self._report("started", take.id, 0.0)
        position_s = max(0.0, take.played_s - audio.queued_s)
        if self._every_s and position_s >= take.reported_s + self._every_s:
            take.reported_s = position_s
            self._report("position", take.id, position_s)


class _Take:
    """A take as the vendor knows it."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.pcm = bytearray()
        self.is_complete = self.has_started = False
        self.played_s = self.reported_s = 0.0


async def play(avatar: SocketAvatar, room: Hub, token: str, scenario: Scenario) -> None:
    """Run an avatar in a room in memory until its agent leaves or the room ends.

    Args:
        avatar: The avatar.
        room: The room.
        token: The room token of the avatar.
        scenario: The faults of the avatar. Faults of byte streams and of a renderer have no effect.

    Raises:
        RoomError: The tracks cannot be published.
    """
    body = MemoryBody(room, token, None, may_hang=scenario.hang_at_s > 0)
    clock = FaultClock(scenario)
    link = VendorLink(await body.join(), scenario, clock)
    async with timed_faults(body, avatar.leave, link, scenario, clock):
        await avatar.run(link)
