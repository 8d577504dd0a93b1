"""The laws of playback with a real server, a real AgentSession and a worker process."""

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
from tests.livekit.barge_in import FALSE_INTERRUPTION_S, Microphone, SilentSTTAgent, noise_options
from tests.livekit.live_conversation import (
    MORE_SPOKEN_WORDS,
    SPOKEN_WORDS,
    TEST_S,
    LiveConversation,
)

pytestmark = [pytest.mark.livekit, pytest.mark.alone]

Record = Callable[[str, object], None]

CUT_AT = SPOKEN_WORDS[5]
FINISHED_WITHIN_S = 1.0
HEARD_AFTER_CUT_S = 0.3
SILENCE_AT_KILL_S = 0.8
WHOLE = 0.85
"""Least share of a word that was heard from its start to its end."""


def now_s() -> float:
    return asyncio.get_running_loop().time()


class NeverSettings(ProviderSettings):
    """Settings without fields."""


class NeverProvider(AvatarProvider[NeverSettings]):
    """Provisions an avatar that never joins."""

    name = "never"
    api_version = (1, 0)
    capabilities = Capabilities(expected_join_s=0.5)

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        return ProvisionedAvatar(session_id="never", identity=request.identity)

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        return


async def test_every_word_of_two_turns_is_heard_once(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), LiveConversation(server) as conversation:
        await conversation.say_all(SPOKEN_WORDS)
        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check()
        await conversation.check_addressed()
        assert conversation.history() == [" ".join(SPOKEN_WORDS), " ".join(MORE_SPOKEN_WORDS)]


async def test_interruption_is_prompt_and_next_turn_is_complete(
    server: DevServer, record_property: Record
) -> None:
    async with asyncio.timeout(TEST_S), LiveConversation(server) as conversation:
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(CUT_AT)
        cut_at = now_s()
        turn.handle.interrupt()
        await turn.handle
        finished_s = now_s() - cut_at
        await conversation.wait_for_silence(0.5)
        last_sound_s = conversation.meter.sounds()[-1][1] - cut_at
        record_property("finished_s", finished_s)
        record_property("last_sound_s", last_sound_s)
        assert turn.handle.interrupted
        assert finished_s <= FINISHED_WITHIN_S
        assert last_sound_s <= HEARD_AFTER_CUT_S, conversation.report()

        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check(cut=SPOKEN_WORDS[5:])
        await conversation.check_addressed()


async def test_kill_of_the_worker_repeats_at_most_one_word(
    server: DevServer, record_property: Record
) -> None:
    async with asyncio.timeout(TEST_S), LiveConversation(server) as conversation:
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(CUT_AT)
        killed_at, dead = now_s(), conversation.avatar.avatar_identity
        os.kill(conversation.worker().pid, signal.SIGKILL)
        await turn.handle
        await conversation.wait_for_silence()
        silence_s = conversation.meter.longest_silence(killed_at)
        record_property("silence_s", silence_s)
        assert silence_s <= SILENCE_AT_KILL_S, conversation.report()
        assert not turn.handle.interrupted

        await conversation.avatar.wait_for_join()
        assert conversation.avatar.avatar_identity not in ("", dead)
        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check(repeated=1)
        assert conversation.history() == [" ".join(SPOKEN_WORDS), " ".join(MORE_SPOKEN_WORDS)]


async def test_false_interruption_pauses_and_loses_no_word(server: DevServer) -> None:
    resumed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    async with (
        asyncio.timeout(TEST_S),
        LiveConversation(server, session=noise_options(), agent=SilentSTTAgent()) as conversation,
    ):
        conversation.session.on(
            "agent_false_interruption", lambda event: resumed.set_result(event.resumed)
        )
        microphone = Microphone(conversation.listener.link)
        await microphone.open()
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(CUT_AT)
        noise_at = now_s()
        microphone.make_noise(0.4)
        assert await resumed
        resumed_at = now_s()
        await turn.handle
        await conversation.wait_for_silence()
        await microphone.aclose()
        assert not turn.handle.interrupted
        assert conversation.meter.longest_silence(noise_at) > FALSE_INTERRUPTION_S
        assert [h for h in conversation.heard() if h.start_s > resumed_at] != []
        conversation.check()
        assert conversation.history() == [" ".join(SPOKEN_WORDS)]


@pytest.mark.slow
async def test_greeting_waits_for_the_avatar(server: DevServer) -> None:
    async with (
        asyncio.timeout(TEST_S),
        LiveConversation(server, wait_for_join=False) as conversation,
    ):
        assert conversation.avatar.avatar is None
        await conversation.say_all(SPOKEN_WORDS)
        conversation.check()
        assert conversation.meter.shares()[SPOKEN_WORDS[0]] > WHOLE
        assert conversation.avatar.provider == "mock"
        assert [publication.name for publication in conversation.voice_tracks()] == []


@pytest.mark.slow
async def test_greeting_uses_the_voice_if_the_avatar_does_not_join(server: DevServer) -> None:
    registry = ProviderRegistry()
    registry.register("never", NeverProvider)
    async with (
        asyncio.timeout(TEST_S),
        LiveConversation(server, "never", registry=registry, wait_for_join=False) as conversation,
    ):
        turn = await conversation.say_all(SPOKEN_WORDS)
        conversation.check()
        assert conversation.meter.shares()[SPOKEN_WORDS[0]] > WHOLE
        held_s = conversation.heard()[0].start_s - turn.said_at
        assert held_s >= 2 * NeverProvider.capabilities.expected_join_s
        assert conversation.avatar.state is AvatarState.STARTING
        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check()


async def test_frozen_worker_is_detected_and_ended(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), LiveConversation(server) as conversation:
        worker = conversation.worker()
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(CUT_AT)
        os.kill(worker.pid, signal.SIGSTOP)
        await turn.handle
        await conversation.wait_for_silence()
        await worker.exited()
        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check(repeated=1)
        assert conversation.history() == [" ".join(SPOKEN_WORDS), " ".join(MORE_SPOKEN_WORDS)]


async def test_agent_falls_back_to_the_voice_if_its_avatar_is_removed(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), LiveConversation(server) as conversation:
        worker = conversation.worker()
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(CUT_AT)
        removed = api.RoomParticipantIdentity(
            room=conversation.room_name, identity=conversation.avatar.avatar_identity
        )
        async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as service:
            await service.room.remove_participant(removed)
        await turn.handle
        await conversation.wait_for_silence()
        await worker.exited()
        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check(repeated=1)
        assert conversation.history() == [" ".join(SPOKEN_WORDS), " ".join(MORE_SPOKEN_WORDS)]


async def test_full_reconnect_keeps_the_avatar_and_every_word(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), LiveConversation(server) as conversation:
        worker = conversation.worker()
        reconnected = asyncio.Event()
        conversation.room.on("reconnected", reconnected.set)
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(CUT_AT)
        await conversation.room.simulate_scenario(rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT)
        await reconnected.wait()
        await turn.handle
        await conversation.wait_for_silence()
        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check(repeated=1)
        assert conversation.avatar.provider == "mock"
        assert conversation.worker() == worker
        assert conversation.errors == []


async def test_two_rooms_in_one_process_stay_separate(server: DevServer) -> None:
    async with (
        asyncio.timeout(TEST_S),
        LiveConversation(server) as one,
        LiveConversation(server) as two,
    ):
        await asyncio.gather(one.say_all(SPOKEN_WORDS), two.say_all(MORE_SPOKEN_WORDS))
        for conversation in (one, two):
            conversation.check()
        assert set(one.meter.shares()) == set(SPOKEN_WORDS)
        assert set(two.meter.shares()) == set(MORE_SPOKEN_WORDS)
