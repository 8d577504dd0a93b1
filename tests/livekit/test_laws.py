"""The laws, against a real server: a real AgentSession speaks through a worker process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import pytest
from livekit import api, rtc

from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.events import AvatarState
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.settings import ProviderSettings
from avatar_core.testing.server import DevServer
from tests.livekit.barge_in import FALSE_INTERRUPTION_S, DeafAgent, Microphone, hears_noise
from tests.livekit.stage import MORE_WORDS, TEST_S, WORDS, Stage

pytestmark = [pytest.mark.livekit, pytest.mark.alone]

Record = Callable[[str, object], None]

CUT_AT = WORDS[5]
FINISHED_WITHIN_S = 1.0
HEARD_AFTER_CUT_S = 0.3
SILENCE_AT_KILL_S = 0.8
WHOLE = 0.85
"""The share of a word that was not clipped."""


def now_s() -> float:
    return asyncio.get_running_loop().time()


class NeverSettings(ProviderSettings):
    """None."""


class NeverProvider(AvatarProvider[NeverSettings]):
    """Sells an avatar that never joins."""

    name = "never"
    api_version = (1, 0)
    settings_cls = NeverSettings
    capabilities = Capabilities(expected_join_s=0.5)

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        return ProvisionedAvatar(session_id="never", identity=request.identity)

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        return


async def test_a_turn_is_heard_word_for_word_and_so_is_the_next(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), Stage(server) as stage:
        await stage.say_all(WORDS)
        await stage.say_all(MORE_WORDS)
        stage.check()
        await stage.check_addressed()
        assert stage.history() == [" ".join(WORDS), " ".join(MORE_WORDS)]


async def test_an_interruption_is_prompt_and_the_next_turn_whole(
    server: DevServer, record_property: Record
) -> None:
    async with asyncio.timeout(TEST_S), Stage(server) as stage:
        turn = stage.say(WORDS)
        await stage.heard_word(CUT_AT)
        cut_at = now_s()
        turn.handle.interrupt()
        await turn.handle
        finished_s = now_s() - cut_at
        await stage.quiet(0.5)
        last_sound_s = stage.hearing.sounds()[-1][1] - cut_at
        record_property("finished_s", finished_s)
        record_property("last_sound_s", last_sound_s)
        assert turn.handle.interrupted
        assert finished_s <= FINISHED_WITHIN_S
        assert last_sound_s <= HEARD_AFTER_CUT_S, stage.story()

        await stage.say_all(MORE_WORDS)
        stage.check(cut=WORDS[5:])
        await stage.check_addressed()


async def test_a_killed_worker_costs_at_most_a_word_said_twice(
    server: DevServer, record_property: Record
) -> None:
    async with asyncio.timeout(TEST_S), Stage(server) as stage:
        turn = stage.say(WORDS)
        await stage.heard_word(CUT_AT)
        killed_at = now_s()
        os.kill(stage.worker().pid, signal.SIGKILL)
        await turn.handle
        await stage.quiet()
        silence_s = stage.hearing.longest_silence(killed_at)
        record_property("silence_s", silence_s)
        assert silence_s <= SILENCE_AT_KILL_S, stage.story()
        assert not turn.handle.interrupted

        assert stage.avatar.avatar is None
        await stage.say_all(MORE_WORDS)
        stage.check(torn=1)
        assert stage.history() == [" ".join(WORDS), " ".join(MORE_WORDS)]


async def test_a_false_interruption_pauses_and_loses_nothing(server: DevServer) -> None:
    resumed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    async with (
        asyncio.timeout(TEST_S),
        Stage(server, session=hears_noise(), agent=DeafAgent()) as stage,
    ):
        stage.session.on(
            "agent_false_interruption", lambda event: resumed.set_result(event.resumed)
        )
        microphone = Microphone(stage.listener.link)
        await microphone.open()
        turn = stage.say(WORDS)
        await stage.heard_word(CUT_AT)
        noise_at = now_s()
        microphone.make_noise(0.4)
        assert await resumed
        resumed_at = now_s()
        await turn.handle
        await stage.quiet()
        await microphone.aclose()
        assert not turn.handle.interrupted
        assert stage.hearing.longest_silence(noise_at) > FALSE_INTERRUPTION_S
        assert [h for h in stage.heard() if h.start_s > resumed_at] != []
        stage.check()
        assert stage.history() == [" ".join(WORDS)]


async def test_a_greeting_waits_for_the_avatar(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), Stage(server, joined=False) as stage:
        assert stage.avatar.avatar is None
        await stage.say_all(WORDS)
        stage.check()
        assert stage.hearing.shares()[WORDS[0]] > WHOLE
        assert stage.avatar.provider == "mock"
        assert [publication.name for publication in stage.voices()] == []


async def test_a_greeting_goes_by_voice_when_the_avatar_stays_away(server: DevServer) -> None:
    registry = ProviderRegistry()
    registry.register("never", NeverProvider)
    async with (
        asyncio.timeout(TEST_S),
        Stage(server, "never", registry=registry, joined=False) as stage,
    ):
        turn = await stage.say_all(WORDS)
        stage.check()
        assert stage.hearing.shares()[WORDS[0]] > WHOLE
        held_s = stage.heard()[0].start_s - turn.said_at
        assert held_s >= 2 * NeverProvider.capabilities.expected_join_s
        assert stage.avatar.state is AvatarState.STARTING
        await stage.say_all(MORE_WORDS)
        stage.check()


async def test_a_stopped_worker_is_found_out_and_ended(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), Stage(server) as stage:
        worker = stage.worker()
        turn = stage.say(WORDS)
        await stage.heard_word(CUT_AT)
        os.kill(worker.pid, signal.SIGSTOP)
        await turn.handle
        await stage.quiet()
        await worker.exited()
        await stage.say_all(MORE_WORDS)
        stage.check(torn=1)
        assert stage.history() == [" ".join(WORDS), " ".join(MORE_WORDS)]


async def test_an_avatar_that_the_server_removes_leaves_the_voice(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), Stage(server) as stage:
        worker = stage.worker()
        turn = stage.say(WORDS)
        await stage.heard_word(CUT_AT)
        removed = api.RoomParticipantIdentity(
            room=stage.room_name, identity=stage.avatar.avatar_identity
        )
        async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as service:
            await service.room.remove_participant(removed)
        await turn.handle
        await stage.quiet()
        await worker.exited()
        await stage.say_all(MORE_WORDS)
        stage.check(torn=1)
        assert stage.history() == [" ".join(WORDS), " ".join(MORE_WORDS)]


async def test_a_full_reconnect_keeps_the_avatar_and_every_word(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), Stage(server) as stage:
        worker = stage.worker()
        reconnected = asyncio.Event()
        stage.room.on("reconnected", reconnected.set)
        turn = stage.say(WORDS)
        await stage.heard_word(CUT_AT)
        await stage.room.simulate_scenario(rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT)
        await reconnected.wait()
        await turn.handle
        await stage.quiet()
        await stage.say_all(MORE_WORDS)
        stage.check(torn=1)
        assert stage.avatar.provider == "mock"
        assert stage.worker() == worker
        assert stage.errors == []


async def test_two_rooms_in_one_process_never_meet(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), Stage(server) as one, Stage(server) as two:
        await asyncio.gather(one.say_all(WORDS), two.say_all(MORE_WORDS))
        for stage in (one, two):
            stage.check()
        assert set(one.hearing.shares()) == set(WORDS)
        assert set(two.hearing.shares()) == set(MORE_WORDS)
