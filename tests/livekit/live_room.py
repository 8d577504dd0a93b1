"""An agent with an avatar, and a user who listens, in a room of a real server."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from avatar_provider_mock import MockSettings
from livekit import rtc
from livekit.agents import Agent, AgentSession

from avatar_core.agents.create import create_avatar
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import Item
from avatar_core.settings import AvatarSettings
from avatar_core.testing.event_log import EventLog
from avatar_core.testing.leak_check import child_pids, find_new_children
from avatar_core.testing.listener import Listener
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token, livekit_settings
from avatar_core.testing.turn import Turn
from tests.livekit.live_audio_meter import LiveAudioMeter
from tests.livekit.turns import PlaybackCounts
from tests.support.history_log import HistoryLog

JOIN_S = 15.0
SMALL = MockSettings(width=128, height=128)
"""The mock avatar with small frames, because decoding video dominates the cost of a test."""


class LiveRoom:
    """An AgentSession, its avatar and a listener in a room of their own, from `async with` on.

    Args:
        server: A livekit-server.
        chain: Providers, as for `create_avatar`; by default the mock.
        registry: Registry, as for `create_avatar`.
        settings: Settings, as for `create_avatar`.
        wait_for_join: Whether `async with` waits until the avatar has joined. Otherwise the
            avatar has only just started, and the agent session is running.
        session: Keyword arguments of the AgentSession.
        agent: The agent; by default one without instructions.

    Attributes:
        room: The agent's room.
        meter: Measures what the listener hears.
        avatar: The avatar session under test.
        turns: The speeches of the agent so far.
        counts: Playback events of the session's audio outputs, and of the speech handles.
        log: All events of the avatar, with their loop times in seconds.
        history_log: The texts of the agent in the chat history, with their times.
        starting: The task that starts the avatar.
        listener: The user, who listens.
        session: The agent session.
    """

    owns_children = True
    """Whether every child process must have ended with the last room."""
    _entered = 0
    _before: frozenset[int]
    """Child processes when the first room was entered."""

    def __init__(
        self,
        server: DevServer,
        chain: Item | Sequence[Item] = SMALL,
        *,
        registry: ProviderRegistry | None = None,
        settings: AvatarSettings | None = None,
        wait_for_join: bool = True,
        session: dict[str, Any] | None = None,
        agent: Agent | None = None,
    ) -> None:
        self.server = server
        self.room_name = f"law-{secrets.token_hex(4)}"
        self.room = rtc.Room()
        self.meter = LiveAudioMeter()
        self.avatar = create_avatar(
            chain, livekit=livekit_settings(server), registry=registry, settings=settings
        )
        self.turns: list[Turn] = []
        self.counts = PlaybackCounts()
        self.log = EventLog(self.avatar).records
        self.starting: asyncio.Task[None] | None = None
        self.history_log: HistoryLog
        self.listener: Listener
        self.session: AgentSession[Any]
        self._wait_for_join = wait_for_join
        self._session_arguments = session or {}
        self._agent = agent or Agent(instructions="")

    async def __aenter__(self) -> Self:
        if LiveRoom._entered == 0:
            LiveRoom._before = child_pids()
        LiveRoom._entered += 1
        try:
            await self._open()
        except BaseException:
            await self._close()
            raise
        return self

    async def _open(self) -> None:
        await self.connect_agent()
        await self.join_listener()
        self.session = AgentSession(**self._session_arguments)
        self.history_log = HistoryLog(self.session)
        await self.start_avatar()
        await self.start_session(self._agent)
        self.counts.watch(self.session)
        if self._wait_for_join:
            await self.avatar.wait_for_join(timeout=JOIN_S)

    async def connect_agent(self) -> None:
        """Let the agent join the room."""
        token = create_token(self.server, self.room_name, "agent", "agent")
        await self.room.connect(self.server.url, token)

    async def join_listener(self) -> None:
        """Let the user join, who subscribes to every track."""
        token = create_token(self.server, self.room_name, "user")
        self.listener = await Listener.join(self.server.url, token, self.meter.add)

    async def wait_until_listener_is_visible(self) -> None:
        """Wait until the agent sees the user: the server announces a silent user late."""
        joined = asyncio.Event()

        def look(*_: object) -> None:
            """Set `joined` if the user is in the room."""
            if "user" in self.room.remote_participants:
                joined.set()

        self.room.on("participant_connected", look)
        look()
        await joined.wait()
        self.room.off("participant_connected", look)

    async def start_session(self, agent: Agent) -> None:
        """Start the agent session in the room.

        Args:
            agent: The agent.
        """
        await self.session.start(agent, room=self.room)

    async def start_avatar(self) -> None:
        """Start the avatar, which replaces the session's audio tail."""
        self.starting = asyncio.create_task(self.avatar.start(self.session, self.room))
        if self._wait_for_join:
            await self.starting
        else:
            await asyncio.sleep(0)  # lets `start` replace the audio tail

    async def stop_avatar(self) -> None:
        """Close the avatar, whether its start has finished or not."""
        await self.avatar.aclose()
        if self.starting is not None:
            await asyncio.gather(self.starting, return_exceptions=True)

    async def __aexit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        await self._close()
        if kind is None and LiveRoom._entered == 0 and self.owns_children:
            assert find_new_children(LiveRoom._before) == []

    async def _close(self) -> None:
        LiveRoom._entered -= 1
        if hasattr(self, "session"):
            await self.session.aclose()
        await self.stop_avatar()
        if hasattr(self, "listener"):
            await self.listener.aclose()
        await self.room.disconnect()
