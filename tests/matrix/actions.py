"""The faults that a test starts in the room, at the vendor or in the agent's process."""

from __future__ import annotations

import asyncio

import numpy as np

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.link import RoomLink
from avatar_core.testing.audio.tones import VOCABULARY, WordTones
from avatar_core.testing.clock import block
from avatar_core.testing.conversation import Conversation
from tests.matrix.provider import MatrixProvider

FORMAT = AudioFormat(24_000)
AGENT, LISTENER, IMPOSTOR = "agent", "second-listener", "impostor"
HANG_S = 0.3
AWAY_S = 0.4
SECOND_TRACK_S = 1.0
SECOND_TRACK_HZ = 180.0
"""Frequency of the second sound track. It is below the tones, so it does not decode as a word."""
IMPOSTOR_SIZE = 6


class Actions:
    """The actions of a test on the room, the vendor and the agent.

    Args:
        talk: The conversation.
        provider: The provider of the avatars; None for the agent's own voice.
    """

    def __init__(self, talk: Conversation, provider: MatrixProvider | None) -> None:
        self._talk, self._room, self._provider = talk, talk.room, provider
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def avatar_identity(self) -> str:
        """The identity of the latest avatar whose session is alive; empty if there is none."""
        alive = list(self._provider.alive.values()) if self._provider is not None else []
        return alive[-1] if alive else ""

    def start(self, name: str) -> None:
        """Start the action with the given name.

        Args:
            name: The name of a method of this class.

        Raises:
            AttributeError: The class has no such method.
        """
        getattr(self, name)()

    def end_session(self) -> None:
        """Let the vendor end the session, and remove its participant from the room."""
        if self._provider is not None:
            identity = self.avatar_identity
            self._provider.end_session()
            self._room.remove(identity)

    def publish_second_track(self) -> None:
        """Publish a second audio track of the avatar, which carries a low hum."""
        member = self._room.member(self.avatar_identity)
        if member is not None and isinstance(member.link, RoomLink):
            at_s = np.arange(round(SECOND_TRACK_S * FORMAT.rate_hz)) / FORMAT.rate_hz
            hum = np.rint(1500 * np.sin(2 * np.pi * SECOND_TRACK_HZ * at_s)).astype("<i2")
            self._run(self._play(member.link, hum.tobytes()))

    def let_listener_come_and_go(self) -> None:
        """Let a second listener join the room, and leave it `AWAY_S` later."""
        link = self._room.join(LISTENER)
        self._room.published(LISTENER, "audio")
        asyncio.get_running_loop().call_later(AWAY_S, self._room.remove, link.identity)

    def reconnect_agent(self) -> None:
        """Start a full reconnect of the agent."""
        self._room.reconnect(AGENT)

    def hang_agent(self) -> None:
        """Block the event loop of the agent."""
        block(HANG_S)

    def let_impostor_speak(self) -> None:
        """Let a foreign participant publish the first words of the agent's speech."""
        link = self._room.join(IMPOSTOR)
        self._run(self._play(link, WordTones(FORMAT.rate_hz).speak(VOCABULARY[:IMPOSTOR_SIZE])))

    async def _play(self, link: RoomLink, pcm: bytes) -> None:
        track = await link.publish_audio(FORMAT, name="second")
        size = FORMAT.size(0.02)
        for start in range(0, len(pcm), size):
            await track.capture(pcm[start : start + size])

    def _run(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Cancel the actions that still run."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for identity in (LISTENER, IMPOSTOR):
            self._room.remove(identity)
