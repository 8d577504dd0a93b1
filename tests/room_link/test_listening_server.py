"""Subscriptions of a room link on a real server: which tracks are received, and until when."""

from __future__ import annotations

import asyncio
import logging

import pytest
from livekit import rtc

from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.rtc.link import RtcLink
from avatar_core.rtc.tracks import RtcAudioTrack
from avatar_core.testing.server import DevServer
from tests.room_link.rooms import FORMAT, RealRooms, Rooms, on_the_server
from tests.room_link.sounds import FRAME_S, HIGH_HZ, LOW_HZ, Heard, Speaker, play

pytestmark = pytest.mark.livekit

OWN = {PUBLISH_ON_BEHALF: "agent"}


def names(link: RtcLink, event: str) -> asyncio.Queue[str]:
    """Return a queue that receives the name of the track of each event of a kind."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    link.room.on(event, lambda track, *_: queue.put_nowait(track.name))
    return queue


def received(link: RtcLink, identity: str) -> set[str]:
    """Return the names of the tracks of a participant that are received."""
    tracks = link.room.remote_participants[identity].track_publications.values()
    return {publication.name for publication in tracks if publication.track is not None}


@pytest.mark.parametrize("subscribe", [False, True])
def test_agent_receives_only_the_sound_of_its_own_avatar(
    server: DevServer, subscribe: bool
) -> None:
    async def body(rooms: Rooms) -> None:
        assert isinstance(rooms, RealRooms)
        agent = await rooms.join("agent", is_agent=True, subscribe=subscribe)
        unsubscribed = names(agent, "track_unsubscribed")
        audio = agent.listen("avatar")
        heard = Heard(audio)
        avatar = await rooms.join("avatar", attributes=OWN)
        await avatar.publish_video(64, 64, fps=25, name="face")
        async with Speaker(avatar):
            await heard.wait_for_tones(LOW_HZ)
        if subscribe:
            assert await unsubscribed.get() == "face"
        assert received(agent, "avatar") == {f"tone-{LOW_HZ}"}
        await audio.aclose()
        assert await unsubscribed.get() == f"tone-{LOW_HZ}"
        assert received(agent, "avatar") == set()

    on_the_server(body, server)


def test_sound_of_a_shared_screen_is_not_heard(server: DevServer) -> None:
    async def body(rooms: Rooms) -> None:
        assert isinstance(rooms, RealRooms)
        agent = await rooms.join("agent", is_agent=True, subscribe=False)
        heard = Heard(agent.listen("avatar"))
        avatar = await rooms.join("avatar")
        waiting = asyncio.create_task(avatar.wait_for_subscriber())
        screen = await RtcAudioTrack.publish(
            avatar.room.local_participant,
            FORMAT,
            "screen",
            rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO,
        )
        async with Speaker(avatar, LOW_HZ):
            await heard.wait_for_tones(LOW_HZ)
            await play(screen, HIGH_HZ, 1.0)
            assert heard.hears(LOW_HZ)
        assert received(agent, "avatar") == {f"tone-{LOW_HZ}"}
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])

    on_the_server(body, server)


def test_subscription_that_is_closed_at_once_ends_after_the_negotiation(server: DevServer) -> None:
    """An earlier end would break the connection."""

    async def body(rooms: Rooms) -> None:
        assert isinstance(rooms, RealRooms)
        agent = await rooms.join("agent", is_agent=True, subscribe=False)
        subscribed = names(agent, "track_subscribed")
        unsubscribed = names(agent, "track_unsubscribed")
        audio = agent.listen("avatar")

        def close(*_: object) -> None:
            closing = audio.aclose()
            with pytest.raises(StopIteration):  # it ends at once, because nothing is decoded
                closing.send(None)

        agent.room.on("track_published", close)
        avatar = await rooms.join("avatar")
        async with Speaker(avatar):
            assert await subscribed.get() == f"tone-{LOW_HZ}"
            assert await unsubscribed.get() == f"tone-{LOW_HZ}"
            await Heard(agent.listen("avatar")).wait_for_tones(LOW_HZ)

    on_the_server(body, server)


@pytest.mark.parametrize("by_application", [False, True])
def test_decoding_ends_when_the_room_is_left(
    server: DevServer, by_application: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(rooms: Rooms) -> None:
        assert isinstance(rooms, RealRooms)
        agent = await rooms.join("agent", is_agent=True)
        audio = agent.listen("avatar")
        heard = Heard(audio)
        avatar = await rooms.join("avatar")
        async with Speaker(avatar) as speaker:
            await heard.wait_for_tones(LOW_HZ)
            await (agent.room.disconnect() if by_application else agent.aclose())
            assert await audio.count_packets() is None
        frames = len(heard.frames)
        await play(speaker.track, LOW_HZ, 10 * FRAME_S)
        assert len(heard.frames) == frames
        await audio.aclose()
        assert "decode-remote-audio" not in {task.get_name() for task in asyncio.all_tasks()}

    on_the_server(body, server)
    # livekit 1.1.21 itself warns about an unknown handle after it decoded a track.
    ours = [record for record in caplog.records if record.name != "livekit"]
    assert [record.message for record in ours if record.levelno >= logging.WARNING] == []
