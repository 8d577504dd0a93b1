"""A health check of one avatar, in a room in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError, AvatarLostError
from avatar_core.contracts.playback import PlaybackTracker, Take
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.contracts.sink import AudioSink
from avatar_core.failover.health import HealthCheck
from avatar_core.playback.transport import Transport
from avatar_core.testing.clock import now
from avatar_core.testing.room.room import MemoryRoom

FORMAT = AudioFormat(24_000)
DELIVERY_S = 0.01
"""Seconds after which an event of the room has reached every participant."""


@dataclass
class FakeHeartbeat(PlaybackTracker):
    """A tracker whose heartbeat comes every 0.1 s while `is_beating`."""

    alive_at: float | None = None
    is_beating: bool = True
    heartbeat_s: float | None = None

    def follow(self, take: Take) -> None:
        return

    async def aclose(self) -> None:
        return

    async def run(self) -> None:
        while True:
            if self.is_beating:
                self.alive_at = now()
            await asyncio.sleep(0.1)


@dataclass
class HealthHarness:
    """A health check, the avatar that it watches, and the losses that it reports.

    Attributes:
        audio_identity: The participant that receives the audio, if it is not `avatar`.
        left_first: Whether the avatar leaves before the check begins.
        latency_s: Declared seconds from a push of audio to its sound.
        room: The room.
        heartbeat: The tracker of the transport.
        losses: Seconds on the loop's clock and the message of each loss.
        restarts: How often the check restarted the take.
        take: The take on the transport.
    """

    audio_identity: str = ""
    left_first: bool = False
    latency_s: float = 0.0
    room: MemoryRoom = field(default_factory=MemoryRoom)
    heartbeat: FakeHeartbeat = field(default_factory=FakeHeartbeat)
    losses: list[tuple[float, str]] = field(default_factory=list)
    restarts: int = 0
    take: Take | None = None

    def __post_init__(self) -> None:
        self.avatar = self.room.join("avatar")
        self.agent = self.room.join("agent")
        self.session_end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.transport = Transport(
            provider="p",
            sink=cast(AudioSink, None),
            tracker=cast(PlaybackTracker, self.heartbeat),
            format=FORMAT,
            run_ahead_s=0.5,
            latency_s=self.latency_s,
        )
        self.transport.on_lost(self._record_loss)
        record = ProvisionedAvatar(
            session_id="s", identity="avatar", audio_identity=self.audio_identity
        )
        if self.left_first:
            self.room.remove("avatar")
        self.health = HealthCheck(
            self.agent, record, self.transport, self._wait_until_ended, self._restart
        )
        self.beating = asyncio.create_task(self.heartbeat.run())

    @classmethod
    async def start(cls, audio_identity: str = "") -> HealthHarness:
        """Start a check once the agent sees the avatar and its track."""
        harness = cls(audio_identity)
        await harness.publish_as("avatar")
        return harness

    async def publish_as(self, identity: str) -> None:
        """Publish a track as a participant, which joins first if it is not in the room."""
        member = self.room.member(identity)
        link = member.link if member is not None else self.room.join(identity)
        await link.publish_audio(FORMAT, name="voice")
        await asyncio.sleep(DELIVERY_S)

    async def _wait_until_ended(self) -> str:
        return await asyncio.shield(self.session_end)

    def _record_loss(self, error: AvatarError) -> None:
        assert isinstance(error, AvatarLostError)
        self.losses.append((now(), str(error)))

    def _restart(self) -> None:
        self.restarts += 1

    def start_take(self, pushed_s: float = 10.0) -> Take:
        """Put a take on the transport, of which nothing was heard yet."""
        self.take = self.transport.take = Take(1, FORMAT)
        self.take.pushed_s = pushed_s
        return self.take

    async def report_playback(self, duration_s: float) -> None:
        """Report in real time that the take is heard."""
        assert self.take is not None
        for _ in range(round(duration_s / 0.1)):
            await asyncio.sleep(0.1)
            self.take.report(self.take.position_s + 0.1)

    async def close(self) -> None:
        self.health.close()
        self.beating.cancel()
        await asyncio.sleep(0)
        assert self.agent.subscriptions == set()
        assert len(self.losses) <= 1
