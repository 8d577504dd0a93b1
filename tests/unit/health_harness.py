"""A lease under supervision, in a room in memory."""

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
SOON_S = 0.01
"""News have arrived after this."""


@dataclass
class Pulse:
    """A tracker that beats ten times a second, or does not."""

    alive_at: float | None = None
    beats: bool = True

    async def run(self) -> None:
        while True:
            if self.beats:
                self.alive_at = now()
            await asyncio.sleep(0.1)


@dataclass
class Watched:
    """A lease under supervision, the player it is used by, and every verdict."""

    audio_identity: str = ""
    left_first: bool = False
    room: MemoryRoom = field(default_factory=MemoryRoom)
    pulse: Pulse = field(default_factory=Pulse)
    verdicts: list[tuple[float, str]] = field(default_factory=list)
    restarts: int = 0
    take: Take | None = None

    def __post_init__(self) -> None:
        self.avatar = self.room.join("avatar")
        self.agent = self.room.join("agent")
        self.gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.transport = Transport(
            provider="p",
            sink=cast(AudioSink, None),
            tracker=cast(PlaybackTracker, self.pulse),
            format=FORMAT,
            run_ahead_s=0.5,
        )
        self.transport.on_lost(self._lose)
        record = ProvisionedAvatar(
            session_id="s", identity="avatar", audio_identity=self.audio_identity
        )
        if self.left_first:
            self.room.remove("avatar")
        self.health = HealthCheck(self.agent, record, self.transport, self._gone, self._restart)
        self.beating = asyncio.create_task(self.pulse.run())

    @classmethod
    async def begin(cls, audio_identity: str = "") -> Watched:
        """With everybody in sight of the agent, and nothing under way."""
        watched = cls(audio_identity)
        await watched.enter("avatar")
        return watched

    async def enter(self, identity: str) -> None:
        """Somebody publishes, whom all the others see from now on; joins first, if not there."""
        member = self.room.member(identity)
        link = member.link if member is not None else self.room.join(identity)
        await link.publish_audio(FORMAT, name="voice")
        await asyncio.sleep(SOON_S)

    async def _gone(self) -> str:
        return await asyncio.shield(self.gone)

    def _lose(self, error: AvatarError) -> None:
        assert isinstance(error, AvatarLostError)
        self.verdicts.append((now(), str(error)))

    def _restart(self) -> None:
        self.restarts += 1

    def speak(self, pushed_s: float = 10.0) -> Take:
        """A take is on the transport, and nothing of it was heard yet."""
        self.take = self.transport.take = Take(1, FORMAT)
        self.take.pushed_s = pushed_s
        return self.take

    async def play(self, duration_s: float) -> None:
        """It is heard in real time."""
        assert self.take is not None
        for _ in range(round(duration_s / 0.1)):
            await asyncio.sleep(0.1)
            self.take.report(self.take.position_s + 0.1)

    async def close(self) -> None:
        self.health.close()
        self.beating.cancel()
        await asyncio.sleep(0)
        assert self.agent.subscriptions == set()
        assert len(self.verdicts) <= 1
