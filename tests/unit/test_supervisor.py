"""The supervisor in virtual time: who is gone, who is silent, and who only waits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fake_room import FakeRoom
from virtual import now, virtual

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError, RoadLostError
from avatar_core.contracts.link import Change
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.contracts.provider import ProvisionedAvatar
from avatar_core.engine.player import Player
from avatar_core.engine.supervisor import Supervisor

pytestmark = virtual


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
    room: FakeRoom = field(default_factory=FakeRoom)
    pulse: Pulse = field(default_factory=Pulse)
    verdicts: list[tuple[float, str]] = field(default_factory=list)
    restarts: int = 0
    take: Take | None = None

    def __post_init__(self) -> None:
        self.agent = self.room.join("agent")
        self.avatar = self.room.join("avatar", sid="PA_avatar")
        self.gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.road = SimpleNamespace(tracker=self.pulse)
        record = ProvisionedAvatar(
            session_id="s", identity="avatar", audio_identity=self.audio_identity
        )
        lease: Any = SimpleNamespace(
            ctx=SimpleNamespace(link=self.agent),
            avatar=record,
            road=self.road,
            provider=SimpleNamespace(name="p"),
            gone=self._gone,
        )
        self.supervisor = Supervisor(lease, cast(Player, self), self._lose)
        self.beating = asyncio.create_task(self.pulse.run())

    async def _gone(self) -> str:
        return await self.gone

    def _lose(self, error: AvatarError) -> None:
        assert isinstance(error, RoadLostError)
        self.verdicts.append((now(), str(error)))

    def restart(self, road: object) -> None:
        assert road is self.road
        self.restarts += 1

    def speak(self, pushed_s: float = 10.0) -> Take:
        """A take is on the road, and nothing of it was heard yet."""
        self.take = Take(1, AudioFormat(24_000))
        self.take.pushed_s = pushed_s
        return self.take

    async def play(self, duration_s: float) -> None:
        """It is heard in real time."""
        assert self.take is not None
        for _ in range(round(duration_s / 0.1)):
            await asyncio.sleep(0.1)
            self.take.report(self.take.position_s + 0.1)

    async def close(self) -> None:
        self.supervisor.close()
        self.beating.cancel()
        await asyncio.sleep(0)
        assert self.agent.watched == 0
        assert len(self.verdicts) <= 1


async def test_nobody_is_lost_while_all_is_well() -> None:
    watched = Watched()
    await asyncio.sleep(5.0)
    watched.speak()
    await watched.play(8.0)
    assert watched.verdicts == []
    await watched.close()


async def test_left_and_not_back() -> None:
    watched = Watched()
    watched.room.leave("avatar")
    await asyncio.sleep(1.45)
    assert watched.verdicts == []
    await asyncio.sleep(0.1)
    assert len(watched.verdicts) == 1
    assert "left the room" in watched.verdicts[0][1]
    await watched.close()


@pytest.mark.parametrize("away_s", [0.0, 0.08, 0.9])
async def test_the_same_sid_within_a_second_never_left(away_s: float) -> None:
    watched = Watched()
    watched.room.leave("avatar")
    await asyncio.sleep(away_s)
    watched.room.back(watched.avatar)
    await asyncio.sleep(5.0)
    assert watched.verdicts == []
    await watched.close()


async def test_who_is_told_gone_twice_and_is_back_never_left() -> None:
    watched = Watched()
    watched.room.leave("avatar")
    await asyncio.sleep(0.1)
    watched.agent.changed(Change.LEFT, watched.avatar.peer)
    await asyncio.sleep(0.1)
    watched.room.back(watched.avatar)
    await asyncio.sleep(5.0)
    assert watched.verdicts == []
    await watched.close()


async def test_who_is_told_gone_twice_is_gone_since_the_first() -> None:
    watched = Watched()
    watched.room.leave("avatar")
    await asyncio.sleep(1.0)
    watched.agent.changed(Change.LEFT, watched.avatar.peer)
    await asyncio.sleep(0.45)
    assert watched.verdicts == []
    await asyncio.sleep(0.1)
    assert len(watched.verdicts) == 1
    await asyncio.sleep(5.0)
    await watched.close()


async def test_the_same_sid_later_is_a_loss() -> None:
    watched = Watched()
    watched.room.leave("avatar")
    await asyncio.sleep(1.2)
    watched.room.back(watched.avatar)
    assert len(watched.verdicts) == 1
    await watched.close()


async def test_another_sid_is_somebody_new() -> None:
    watched = Watched()
    watched.room.leave("avatar")
    await asyncio.sleep(0.2)
    watched.room.join("avatar")
    assert len(watched.verdicts) == 1
    assert "somebody new" in watched.verdicts[0][1]
    await watched.close()


@pytest.mark.parametrize("who", ["avatar", "ears"])
async def test_the_participant_that_takes_the_audio_counts_too(who: str) -> None:
    watched = Watched(audio_identity="ears")
    watched.room.join("ears")
    watched.room.leave(who)
    await asyncio.sleep(1.6)
    assert len(watched.verdicts) == 1
    await watched.close()


async def test_a_stranger_may_leave() -> None:
    watched = Watched()
    watched.room.join("stranger")
    watched.room.leave("stranger")
    await asyncio.sleep(5.0)
    assert watched.verdicts == []
    await watched.close()


async def test_our_own_reconnect_begins_another_take() -> None:
    watched = Watched()
    take = watched.speak()
    await watched.play(1.0)
    watched.room.leave("avatar")
    await asyncio.sleep(0.01)
    watched.agent.changed(Change.RECONNECTING)
    watched.pulse.beats = False
    await asyncio.sleep(0.07)
    watched.room.back(watched.avatar)
    await asyncio.sleep(0.9)
    watched.pulse.beats = True
    watched.agent.changed(Change.RECONNECTED)
    assert watched.restarts == 1
    assert take.state is TakeState.PLAYING
    await watched.play(1.0)
    assert watched.verdicts == []
    await watched.close()


async def test_moved_to_another_room() -> None:
    watched = Watched()
    watched.agent.changed(Change.MOVED)
    assert len(watched.verdicts) == 1
    await watched.close()


async def test_the_providers_word() -> None:
    watched = Watched()
    await asyncio.sleep(1.0)
    watched.gone.set_result("the process exited")
    await asyncio.sleep(0.001)
    assert "the process exited" in watched.verdicts[0][1]
    await watched.close()


async def test_no_sign_of_life_while_speech_is_owed() -> None:
    watched = Watched()
    watched.speak()
    await watched.play(1.0)
    watched.pulse.beats = False
    began = now()
    await asyncio.sleep(0.6)
    assert watched.verdicts[0][0] - began == pytest.approx(0.4, abs=0.1)
    await watched.close()


async def test_no_sign_of_life_is_fine_while_nothing_is_owed() -> None:
    watched = Watched()
    await asyncio.sleep(0.2)
    watched.pulse.beats = False
    await asyncio.sleep(10.0)
    take = watched.speak(0.0)
    await asyncio.sleep(10.0)
    assert watched.verdicts == []
    take.pushed_s = 1.0
    await asyncio.sleep(0.45)
    assert len(watched.verdicts) == 1
    await watched.close()


async def test_a_stock_worker_has_no_pulse_to_lose() -> None:
    watched = Watched()
    watched.pulse.alive_at = None
    watched.beating.cancel()
    watched.speak()
    await asyncio.sleep(10.0)
    assert watched.verdicts == []
    await watched.close()


async def test_a_worker_that_beats_and_plays_nothing() -> None:
    watched = Watched()
    watched.speak()
    await watched.play(1.0)
    began = now()
    await asyncio.sleep(1.3)
    assert watched.verdicts[0][0] - began == pytest.approx(1.1, abs=0.11)
    assert "played nothing" in watched.verdicts[0][1]
    await watched.close()


@pytest.mark.parametrize("rest_s", [0.01, 0.025, 0.039])
async def test_less_than_a_picture_of_sound_is_waited_with(rest_s: float) -> None:
    """A worker plays in pictures: 40 ms at 25 a second. A wait for more speech is no death."""
    watched = Watched()
    take = watched.speak(1.0)
    await watched.play(1.0)
    take.pushed_s += rest_s
    await asyncio.sleep(10.0)
    assert watched.verdicts == []
    await watched.close()


@pytest.mark.parametrize("rest_s", [0.0, 0.01, 0.039])
async def test_an_end_that_is_never_told(rest_s: float) -> None:
    watched = Watched()
    take = watched.speak(1.0 + rest_s)
    take.ended = True
    await watched.play(1.0)
    began = now()
    await asyncio.sleep(1.3)
    assert watched.verdicts[0][0] - began == pytest.approx(1.1, abs=0.11)
    await watched.close()


async def test_a_take_on_another_road_is_not_judged() -> None:
    watched = Watched()
    watched.speak()
    watched.road = SimpleNamespace(tracker=watched.pulse)
    watched.pulse.beats = False
    await asyncio.sleep(5.0)
    assert watched.verdicts == []
    await watched.close()


async def test_after_the_close_nothing_is_judged() -> None:
    watched = Watched()
    watched.room.leave("avatar")
    watched.supervisor.close()
    watched.supervisor.close()
    watched.gone.set_result("gone")
    watched.agent.changed(Change.MOVED)
    await asyncio.sleep(5.0)
    assert watched.verdicts == []
    await watched.close()


async def test_the_first_verdict_is_the_last() -> None:
    watched = Watched()
    watched.speak()
    watched.room.leave("avatar")
    watched.pulse.beats = False
    watched.gone.set_result("gone")
    await asyncio.sleep(5.0)
    watched.agent.changed(Change.MOVED)
    assert len(watched.verdicts) == 1
    await watched.close()
