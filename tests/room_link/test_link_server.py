"""What of a link only a server and its WebRTC can show."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.rtc.link import RtcLink
from avatar_core.testing.server import DevServer
from tests.room_link.rooms import FORMAT, Rooms, Watch, on_the_server

pytestmark = pytest.mark.livekit


def received(link: RtcLink, identity: str) -> set[bool]:
    """Of each track of a participant, whether it is received."""
    tracks = link.room.remote_participants[identity].track_publications.values()
    return {publication.track is not None for publication in tracks}


def test_an_agent_receives_nothing_of_its_own_avatar(server: DevServer) -> None:
    """Not even at first: a track taken back too early fails the agent's connection."""

    async def body(rooms: Rooms) -> None:
        agent = await rooms.join("agent", is_agent=True)
        listener = await rooms.join("listener")
        assert isinstance(agent, RtcLink)
        assert isinstance(listener, RtcLink)
        gone: asyncio.Queue[str] = asyncio.Queue()
        agent.room.on("track_unsubscribed", lambda track, *_: gone.put_nowait(track.name))
        taken: asyncio.Queue[str] = asyncio.Queue()
        agent.room.on("track_subscribed", lambda track, *_: taken.put_nowait(track.name))
        heard: asyncio.Queue[str] = asyncio.Queue()
        listener.room.on("track_subscribed", lambda track, *_: heard.put_nowait(track.name))
        avatar = await rooms.join("avatar", attributes={PUBLISH_ON_BEHALF: "agent"})
        await avatar.publish_audio(FORMAT, name="voice")
        await avatar.publish_video(64, 64, fps=25, name="face")
        assert {await gone.get(), await gone.get()} == {"voice", "face"}
        assert {await taken.get(), await taken.get()} == {"voice", "face"}
        assert {await heard.get(), await heard.get()} == {"voice", "face"}
        assert received(agent, "avatar") == {False}
        assert received(listener, "avatar") == {True}

    on_the_server(body, server)


def test_a_track_nobody_waited_for_is_taken_back(server: DevServer) -> None:
    """A silent microphone of the agent would shadow the avatar's voice."""

    async def body(rooms: Rooms) -> None:
        here = await rooms.join("here")
        assert isinstance(here, RtcLink)
        gone: asyncio.Queue[str] = asyncio.Queue()
        here.room.on("local_track_unpublished", lambda track: gone.put_nowait(track.name))
        there = await rooms.join("there")
        watch = Watch(there)
        publishing = asyncio.create_task(here.publish_audio(FORMAT, name="voice"))
        await asyncio.sleep(0)
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing
        assert await gone.get() == "voice"
        await here.publish_video(64, 64, fps=25, name="face")
        await watch.until(
            lambda: (
                [participant.tracks for participant in there.remote_participants().values()]
                == [{"video"}]
            )
        )

    on_the_server(body, server)
