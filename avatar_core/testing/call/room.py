"""The room of a call: in memory, or on a real livekit-server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from livekit.agents import Agent, AgentSession

from avatar_core.agents.rooms import AnyRoom
from avatar_core.agents.session import AvatarSession
from avatar_core.settings import AvatarSettings, LiveKitSettings
from avatar_core.testing.audio.growing import GrowingRecording
from avatar_core.testing.audio.tones import HeardWord
from avatar_core.testing.captions import CaptionLog
from avatar_core.testing.fake_vendor.account import LaunchWorker
from avatar_core.testing.fake_vendor.launcher import make_launcher
from avatar_core.testing.outputs import MemoryOutputs
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.recording import Run
from avatar_core.testing.room.room import MemoryRoom

Action = Callable[[AvatarSession], Awaitable[None] | None]
"""Starts a fault of the avatar that is live."""


class CallRoom(Protocol):
    """The room of a call, and a listener in it.

    Attributes:
        livekit: The settings of LiveKit for `create_avatar`.
        is_real: Whether the room is on a livekit-server and time is real.
        actions: The faults that can start while an avatar is live, by name.
    """

    livekit: LiveKitSettings
    is_real: bool
    actions: Mapping[str, Action]

    @property
    def memory(self) -> MemoryRoom | None:
        """The room in memory; None for a room on a server."""

    @property
    def launch(self) -> LaunchWorker:
        """A function that starts the workers of fake vendors in the room."""

    def adapt(self, settings: AvatarSettings) -> AvatarSettings:
        """Return the settings of the call, before `open`.

        Args:
            settings: The settings of the application.

        Returns:
            The settings, whose ledger is not the user's own.
        """

    async def open(self) -> AnyRoom:
        """Let agent and listener join the room.

        Returns:
            The room, for `AvatarSession.start`.
        """

    async def start_session(self, session: AgentSession[Any], agent: Agent) -> None:
        """Start the agent session, after the avatar.

        Args:
            session: The agent session.
            agent: The agent.
        """

    async def wait_for_listener(self, avatar: AvatarSession) -> None:
        """Wait until the listener receives the sound of the avatar, or of the agent's voice.

        Args:
            avatar: The avatar, which has joined or has failed.
        """

    def is_present(self, identity: str) -> bool:
        """Return whether a participant is connected to the room.

        Args:
            identity: The identity of the participant.

        Returns:
            True if the participant has not left.
        """

    def tones(self, since_s: float) -> list[HeardWord]:
        """Return the tones that the listener has heard.

        Args:
            since_s: The loop time in seconds at which the first tone begins.

        Returns:
            The tones of each track in order, with loop times.
        """

    async def aclose(self) -> None:
        """Leave the room, after the session and the avatar."""


class MemoryCallRoom:
    """The room of a call in memory.

    Attributes:
        livekit: The settings of LiveKit for `create_avatar`.
        is_real: False.
        launch: Starts the workers of fake vendors in the room.
        actions: The faults that can start while an avatar is live, by name.
        memory: The room.
    """

    livekit = IN_MEMORY
    is_real = False

    def __init__(self) -> None:
        self.memory = MemoryRoom()
        self.launch = make_launcher(self.memory)
        self.actions: Mapping[str, Action] = {
            "worker dies": lambda avatar: self.memory.crash(avatar.avatar_identity),
            "worker leaves": lambda avatar: self.memory.remove(avatar.avatar_identity),
            "worker freezes": self._freeze,
            "worker reconnects": lambda avatar: self.memory.reconnect(avatar.avatar_identity),
            "worker mutes its track": lambda avatar: self.memory.mute(avatar.avatar_identity),
            "server mutes the avatar": lambda avatar: self.memory.mute(avatar.avatar_identity),
            "server revokes the permission": lambda avatar: self.memory.revoke_publishing(
                avatar.avatar_identity
            ),
        }
        self._outputs: MemoryOutputs | None = None
        self._recordings: dict[tuple[str, float], GrowingRecording] = {}

    def adapt(self, settings: AvatarSettings) -> AvatarSettings:
        """Return the settings unchanged, because a room in memory has no ledger.

        Args:
            settings: The settings of the application.

        Returns:
            The settings.
        """
        return settings

    async def open(self) -> AnyRoom:
        """Let the agent join the room.

        Returns:
            The link of the agent.
        """
        return self.memory.agent()

    async def start_session(self, session: AgentSession[Any], agent: Agent) -> None:
        """Start the agent session with captions, after the avatar.

        Args:
            session: The agent session.
            agent: The agent.

        Raises:
            RuntimeError: The session cannot start.
        """
        self._outputs = MemoryOutputs(session, "synchronized", CaptionLog())
        await session.start(agent)

    async def wait_for_listener(self, avatar: AvatarSession) -> None:
        """Do nothing, because the room records each sound from its start.

        Args:
            avatar: The avatar.
        """

    def is_present(self, identity: str) -> bool:
        """Return whether a participant is connected to the room.

        Args:
            identity: The identity of the participant.

        Returns:
            True if the participant has not left.
        """
        return self.memory.member(identity) is not None

    def tones(self, since_s: float) -> list[HeardWord]:
        """Return the tones that the listener has heard.

        Args:
            since_s: The loop time in seconds at which the first tone begins.

        Returns:
            The tones of each track in order, with loop times.
        """
        return [
            tone
            for run in self.memory.recording.runs
            if run.end_s >= since_s
            for tone in self._decode(run)
            if tone.start_s >= since_s
        ]

    async def aclose(self) -> None:
        """Close the captions."""
        if self._outputs is not None:
            await self._outputs.aclose()

    def _decode(self, run: Run) -> list[HeardWord]:
        key = run.identity, run.at_s
        if key not in self._recordings:
            self._recordings[key] = GrowingRecording(run.format, run.at_s, run.identity)
        return self._recordings[key].read(run.pcm)

    def _freeze(self, avatar: AvatarSession) -> None:
        self.memory.members[avatar.avatar_identity].link.freeze()
