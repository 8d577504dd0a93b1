"""A room link hears a participant equally in a room in memory and on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.listening import LISTENING_FORMAT, RemoteAudio
from avatar_core.contracts.participants import RoomEvent
from tests.room_link.rooms import FORMAT, Body, EventLog, Rooms
from tests.room_link.sounds import (
    HIGH_HZ,
    LOW_HZ,
    Heard,
    Speaker,
    count_while,
    play,
)

SECOND_BYTES = LISTENING_FORMAT.size(1.0)
BothRooms = Callable[[Body], None]


async def join_listening(rooms: Rooms) -> tuple[RoomLink, RemoteAudio, RoomLink]:
    """Join an agent that listens to the avatar, and then the avatar; neither publishes."""
    agent = await rooms.join("agent", is_agent=True)
    audio = agent.listen("avatar")
    assert await audio.count_packets() is None
    return agent, audio, await rooms.join("avatar")


def test_sound_of_a_later_participant_arrives_in_frames(in_both_rooms: BothRooms) -> None:
    async def body(rooms: Rooms) -> None:
        _, audio, avatar = await join_listening(rooms)
        heard = Heard(audio)
        async with Speaker(avatar):
            await heard.wait_for_tones(LOW_HZ)
        assert {len(frame) for frame in heard.frames} <= {320, 640}  # 20 or 40 ms
        await heard.wait_for_tones()

    in_both_rooms(body)


def test_sound_of_an_earlier_participant_arrives(in_both_rooms: BothRooms) -> None:
    async def body(rooms: Rooms) -> None:
        agent, avatar = await rooms.join("agent"), await rooms.join("avatar")
        events = EventLog(agent)
        async with Speaker(avatar):
            await events.wait_for_participant("avatar", "audio")
            await Heard(agent.listen("avatar")).wait_for_tones(LOW_HZ)

    in_both_rooms(body)


def test_other_participants_are_not_heard(in_both_rooms: BothRooms) -> None:
    async def body(rooms: Rooms) -> None:
        agent, audio, avatar = await join_listening(rooms)
        heard, other = Heard(audio), Heard(agent.listen("user"))
        user = await rooms.join("user")
        async with Speaker(avatar, LOW_HZ), Speaker(user, HIGH_HZ):
            await heard.wait_for_tones(LOW_HZ)
            await other.wait_for_tones(HIGH_HZ)
            await heard.wait_for_frames(20)
            assert heard.hears(LOW_HZ)

    in_both_rooms(body)


def test_two_tracks_are_heard_as_their_sum(in_both_rooms: BothRooms) -> None:
    async def body(rooms: Rooms) -> None:
        _, audio, avatar = await join_listening(rooms)
        heard = Heard(audio)
        async with Speaker(avatar, LOW_HZ) as first:
            await heard.wait_for_tones(LOW_HZ)
            async with Speaker(avatar, HIGH_HZ):
                await heard.wait_for_tones(LOW_HZ, HIGH_HZ)
                await first.unpublish()
                await heard.wait_for_tones(HIGH_HZ)

    in_both_rooms(body)


def test_republished_track_is_heard_again(in_both_rooms: BothRooms) -> None:
    async def body(rooms: Rooms) -> None:
        agent, audio, avatar = await join_listening(rooms)
        events, heard = EventLog(agent), Heard(audio)
        async with Speaker(avatar, LOW_HZ) as speaker:
            await heard.wait_for_tones(LOW_HZ)
            counted = await audio.count_packets()
            await speaker.unpublish()
        await events.wait_until(lambda: "audio" not in agent.remote_participants()["avatar"].tracks)
        assert await audio.count_packets() is None
        async with Speaker(avatar, HIGH_HZ):
            await heard.wait_for_tones(HIGH_HZ)
            again = await audio.count_packets()
        assert counted is not None
        assert again is not None
        assert again > counted > 0

    in_both_rooms(body)


def test_participant_that_rejoins_is_heard_again(in_both_rooms: BothRooms) -> None:
    async def body(rooms: Rooms) -> None:
        agent, audio, avatar = await join_listening(rooms)
        events, heard = EventLog(agent), Heard(audio)
        async with Speaker(avatar, LOW_HZ):
            await heard.wait_for_tones(LOW_HZ)
        await avatar.aclose()
        await events.wait_for(RoomEvent.LEFT)
        assert await audio.count_packets() is None
        async with Speaker(await rooms.join("avatar"), HIGH_HZ):
            await heard.wait_for_tones(HIGH_HZ)

    in_both_rooms(body)


def test_listener_hears_again_after_its_reconnect(in_both_rooms: BothRooms) -> None:
    async def body(rooms: Rooms) -> None:
        agent, audio, avatar = await join_listening(rooms)
        events, heard = EventLog(agent), Heard(audio)
        async with Speaker(avatar):
            await heard.wait_for_tones(LOW_HZ)
            await rooms.reconnect(agent)
            await events.wait_for(RoomEvent.RECONNECTED)
            heard.frames.clear()
            await heard.wait_for_tones(LOW_HZ)

    in_both_rooms(body)


def test_packets_stand_still_while_the_track_is_muted(in_both_rooms: BothRooms) -> None:
    async def body(rooms: Rooms) -> None:
        agent, audio, avatar = await join_listening(rooms)
        events = EventLog(agent)
        track = await avatar.publish_audio(FORMAT, name="voice")
        await events.wait_for_participant("avatar", "audio")
        await play(track, LOW_HZ, 0.5)
        await rooms.mute(avatar, muted=True)
        await events.wait_until(lambda: "audio" not in agent.remote_participants()["avatar"].tracks)
        await play(track, LOW_HZ, 1.5)  # the server sends silence for 1 s
        assert await count_while(audio, play(track, LOW_HZ, 0.5)) == 0
        await rooms.mute(avatar, muted=False)
        await events.wait_for_participant("avatar", "audio")
        assert await count_while(audio, play(track, LOW_HZ, 1.0)) >= 20

    in_both_rooms(body)


def test_sound_arrives_once_after_its_handler_has_stopped_the_decoding(
    in_both_rooms: BothRooms,
) -> None:
    async def body(rooms: Rooms) -> None:
        _, audio, avatar = await join_listening(rooms)
        stopped, clock = asyncio.Event(), asyncio.get_running_loop().time

        def stop(_: bytes) -> None:
            audio.decode(None)
            stopped.set()

        async with Speaker(avatar):
            audio.decode(stop)
            await stopped.wait()
            heard = Heard(audio)
            await heard.wait_for_tones(LOW_HZ)
            began_at, before = clock(), len(heard.frames)
            await heard.wait_until(lambda: sum(map(len, heard.frames[before:])) >= SECOND_BYTES)
            assert clock() - began_at > 0.8

    in_both_rooms(body)


def test_packets_are_counted_while_nothing_is_decoded(in_both_rooms: BothRooms) -> None:
    async def body(rooms: Rooms) -> None:
        _, audio, avatar = await join_listening(rooms)
        heard = Heard(audio)
        async with Speaker(avatar) as speaker:
            await heard.wait_for_tones(LOW_HZ)
        audio.decode(None)
        frames = len(heard.frames)
        packets = await count_while(audio, play(speaker.track, LOW_HZ, 0.5))
        assert 10 <= packets <= 40
        assert len(heard.frames) == frames
        async with Speaker(avatar):
            await Heard(audio).wait_for_tones(LOW_HZ)

    in_both_rooms(body)


def test_silent_track_sends_packets(in_both_rooms: BothRooms) -> None:
    async def body(rooms: Rooms) -> None:
        agent, audio, avatar = await join_listening(rooms)
        await avatar.publish_audio(FORMAT, name="voice")
        await EventLog(agent).wait_for_participant("avatar", "audio")
        heard = Heard(audio)
        await heard.wait_for_frames(20)
        assert await count_while(audio, heard.wait_for_frames(50)) >= 20
        assert heard.hears()

    in_both_rooms(body)


def test_closed_subscription_passes_no_audio(in_both_rooms: BothRooms) -> None:
    async def body(rooms: Rooms) -> None:
        agent, audio, avatar = await join_listening(rooms)
        heard = Heard(audio)
        async with Speaker(avatar) as speaker:
            await heard.wait_for_tones(LOW_HZ)
            await audio.aclose()
            await audio.aclose()
            frames = len(heard.frames)
        await play(speaker.track, LOW_HZ, 0.5)
        assert await audio.count_packets() is None
        assert len(heard.frames) == frames
        async with Speaker(avatar):
            await Heard(agent.listen("avatar")).wait_for_tones(LOW_HZ)

    in_both_rooms(body)


def test_one_of_two_subscriptions_ends_without_the_other(in_both_rooms: BothRooms) -> None:
    async def body(rooms: Rooms) -> None:
        agent, audio, avatar = await join_listening(rooms)
        heard = Heard(agent.listen("avatar"))
        async with Speaker(avatar):
            await heard.wait_for_tones(LOW_HZ)
            await audio.aclose()
            await heard.wait_for_frames(50)
            assert heard.hears(LOW_HZ)

    in_both_rooms(body)
