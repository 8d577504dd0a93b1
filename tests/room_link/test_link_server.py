"""Behaviour of a room link that only a real server with WebRTC shows."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.rtc.link import RtcLink
from avatar_core.testing.server import DevServer
from tests.room_link.rooms import FORMAT, EventLog, Rooms, on_the_server

pytestmark = pytest.mark.livekit


def received(link: RtcLink, identity: str) -> set[bool]:
    """Return whether each track of a participant is received."""
    tracks = link.room.remote_participants[identity].track_publications.values()
    return {publication.track is not None for publication in tracks}


def test_agent_unsubscribes_from_its_own_avatar(server: DevServer) -> None:
    """The agent unsubscribes after `track_subscribed`; earlier would break its connection."""

    async def body(rooms: Rooms) -> None:
        agent = await rooms.join("agent", is_agent=True)
        listener = await rooms.join("listener")
        assert isinstance(agent, RtcLink)
        assert isinstance(listener, RtcLink)
        unsubscribed: asyncio.Queue[str] = asyncio.Queue()
        agent.room.on("track_unsubscribed", lambda track, *_: unsubscribed.put_nowait(track.name))
        subscribed: asyncio.Queue[str] = asyncio.Queue()
        agent.room.on("track_subscribed", lambda track, *_: subscribed.put_nowait(track.name))
        heard: asyncio.Queue[str] = asyncio.Queue()
        listener.room.on("track_subscribed", lambda track, *_: heard.put_nowait(track.name))
        avatar = await rooms.join("avatar", attributes={PUBLISH_ON_BEHALF: "agent"})
        await avatar.publish_audio(FORMAT, name="voice")
        await avatar.publish_video(64, 64, fps=25, name="face")
        assert {await unsubscribed.get(), await unsubscribed.get()} == {"voice", "face"}
        assert {await subscribed.get(), await subscribed.get()} == {"voice", "face"}
        assert {await heard.get(), await heard.get()} == {"voice", "face"}
        assert received(agent, "avatar") == {False}
        assert received(listener, "avatar") == {True}

    on_the_server(body, server)


def test_track_of_a_cancelled_publication_is_unpublished(server: DevServer) -> None:
    """A silent microphone track of the agent would hide the avatar's voice."""

    async def body(rooms: Rooms) -> None:
        here = await rooms.join("here")
        assert isinstance(here, RtcLink)
        unpublished: asyncio.Queue[str] = asyncio.Queue()
        here.room.on("local_track_unpublished", lambda track: unpublished.put_nowait(track.name))
        there = await rooms.join("there")
        events = EventLog(there)
        publishing = asyncio.create_task(here.publish_audio(FORMAT, name="voice"))
        await asyncio.sleep(0)
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing
        assert await unpublished.get() == "voice"
        await here.publish_video(64, 64, fps=25, name="face")
        await events.wait_until(
            lambda: (
                [participant.tracks for participant in there.remote_participants().values()]
                == [{"video"}]
            )
        )

    on_the_server(body, server)
