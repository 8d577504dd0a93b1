"""The systems that the benchmark compares: audio outputs of an agent, and their workers."""

from __future__ import annotations

import asyncio
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

import psutil
from livekit import api, rtc
from livekit.agents import AgentSession
from livekit.agents.voice import io
from livekit.agents.voice.avatar import DataStreamAudioOutput
from livekit.agents.voice.room_io._output import _ParticipantAudioOutput
from pydantic import SecretStr

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.settings import LiveKitSettings
from avatar_core.testing.children import ChildProcess
from avatar_core.testing.server import DevServer
from benchmarks.bench.stimulus import RATE_HZ
from benchmarks.bench.workers import (
    SIZE,
    STOCK_WORKER,
    FrameSettings,
    OwnWorkerProvider,
    StockWorkerProvider,
)

AGENT, AVATAR = "agent", "stock-avatar"
JOIN_S = 30.0
FPS = 25
"""Video frames per second."""


@dataclass
class Session:
    """A system that has joined a room and can speak.

    Attributes:
        output: The agent's audio output.
        started_at: Loop time in seconds when the system was started.
        workers: Process ids of the workers of the system.
    """

    output: io.AudioOutput
    started_at: float
    workers: list[int]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all workers.

        Args:
            number: The signal.

        Raises:
            ProcessLookupError: A worker has ended.
        """
        for pid in self.workers:
            os.kill(pid, number)


class System(ABC):
    """A way to play an agent's speech in a room.

    Args:
        server: The livekit-server.

    Attributes:
        name: Name in the results.
        has_worker: Whether the system has a worker process.
        has_stock_worker: Whether the worker is the one of livekit-agents.
        is_ours: Whether the agent uses avatar-core.
        server: The livekit-server.
        fps: Video frames per second.
    """

    name: ClassVar[str]
    has_worker: ClassVar[bool] = True
    has_stock_worker: ClassVar[bool] = False
    is_ours: ClassVar[bool] = False

    def __init__(self, server: DevServer) -> None:
        self.server = server
        self.fps = FPS

    async def enter(self, stack: AsyncExitStack, room_name: str) -> Session:
        """Start the system in a room.

        Args:
            stack: An exit stack that stops the system when it is closed.
            room_name: Name of the room.

        Returns:
            The session, which is ready to speak.
        """
        room = rtc.Room()
        await room.connect(self.server.url, self.token(room_name, AGENT))
        stack.push_async_callback(room.disconnect)
        before, started_at = _child_pids(), asyncio.get_running_loop().time()
        output = await self.open(stack, room)
        return Session(output, started_at, [pid for pid in _child_pids() if pid not in before])

    @abstractmethod
    async def open(self, stack: AsyncExitStack, room: rtc.Room) -> io.AudioOutput:
        """Start the part of the system that plays speech.

        Args:
            stack: An exit stack that stops the system when it is closed.
            room: The agent's room.

        Returns:
            The audio output of the agent.
        """

    def token(self, room_name: str, identity: str, on_behalf_of: str = "") -> str:
        """Create an access token for a user, the agent, or the avatar.

        Args:
            room_name: Name of the room.
            identity: Identity of the participant.
            on_behalf_of: Identity of the agent in the token of an avatar; otherwise empty.

        Returns:
            The token, a JWT.
        """
        token = api.AccessToken(self.server.api_key, self.server.api_secret)
        token = token.with_identity(identity)
        if identity == AGENT or on_behalf_of:
            token = token.with_kind("agent")
        if on_behalf_of:
            token = token.with_attributes({PUBLISH_ON_BEHALF: on_behalf_of})
        return token.with_grants(api.VideoGrants(room_join=True, room=room_name)).to_jwt()


class Voice(System):
    """The reference system: livekit-agents publishes the agent's own audio track."""

    name = "voice"
    has_worker = False

    async def open(self, stack: AsyncExitStack, room: rtc.Room) -> io.AudioOutput:
        """Publish the audio track of the agent.

        Args:
            stack: An exit stack that removes the track when it is closed.
            room: The agent's room.

        Returns:
            The audio output of livekit-agents.
        """
        output = _ParticipantAudioOutput(
            room,
            sample_rate=RATE_HZ,
            num_channels=1,
            track_publish_options=rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
        )
        await output.start()
        stack.push_async_callback(output.aclose)
        return output


class Stock(System):
    """The avatar stack of livekit-agents, with DataStreamAudioOutput and AvatarRunner."""

    name = "stock"
    has_stock_worker = True

    async def open(self, stack: AsyncExitStack, room: rtc.Room) -> io.AudioOutput:
        """Start the worker process.

        Args:
            stack: An exit stack that stops the worker when it is closed.
            room: The agent's room.

        Returns:
            The audio output of livekit-agents that sends audio to the worker.
        """
        token = self.token(room.name, AVATAR, on_behalf_of=AGENT)
        worker = await ChildProcess.start(
            STOCK_WORKER, url=self.server.url, token=token, size=SIZE, fps=self.fps
        )
        stack.push_async_callback(worker.stop)
        return DataStreamAudioOutput(
            room,
            destination_identity=AVATAR,
            sample_rate=RATE_HZ,
            wait_remote_track=rtc.TrackKind.KIND_VIDEO,
        )


class Ours(System):
    """An agent with avatar-core, and with our worker or an installed provider.

    Args:
        server: The livekit-server.
        provider: Name of an installed provider; empty for our own worker.

    Attributes:
        worker: The provider of our own worker.
    """

    name = "ours"
    is_ours = True
    worker: ClassVar[type[AvatarProvider[FrameSettings]]] = OwnWorkerProvider

    def __init__(self, server: DevServer, provider: str = "") -> None:
        super().__init__(server)
        self._provider = provider

    async def open(self, stack: AsyncExitStack, room: rtc.Room) -> io.AudioOutput:
        """Start the avatar.

        Args:
            stack: An exit stack that closes the avatar when it is closed.
            room: The agent's room.

        Returns:
            The audio output of the agent session.

        Raises:
            AvatarError: The avatar could not be provisioned, or did not join within 30 s.
        """
        session: AgentSession[Any] = AgentSession()
        server = self.server
        avatar = create_avatar(
            self._provider or self.worker(FrameSettings(fps=self.fps)),
            livekit=LiveKitSettings.model_construct(
                url=server.url,
                api_key=SecretStr(server.api_key),
                api_secret=SecretStr(server.api_secret),
            ),
        )
        stack.push_async_callback(avatar.aclose)
        await avatar.start(session, room)
        await avatar.wait_for_join(timeout=JOIN_S)
        if avatar.last_error is not None:
            raise avatar.last_error
        assert session.output.audio is not None
        return session.output.audio


class OursStock(Ours):
    """An agent with avatar-core, and the worker of livekit-agents as a vendor might run it."""

    name = "ours-stock"
    has_stock_worker = True
    worker = StockWorkerProvider


class InstalledProvider(Ours):
    """An agent with avatar-core and an installed provider. The system is named after the provider.

    Args:
        server: The livekit-server.
        provider: Name of the provider.
    """

    def __init__(self, server: DevServer, provider: str) -> None:
        super().__init__(server, provider)
        self.name = provider  # type: ignore[misc]


def _child_pids() -> list[int]:
    return [child.pid for child in psutil.Process().children(recursive=True)]


SYSTEMS = (Voice.name, Stock.name, Ours.name, OursStock.name)


def select_systems(
    server: DevServer, provider: str, names: Sequence[str] = (), compare_with: Sequence[str] = ()
) -> list[System]:
    """Create the systems to measure, in the order of a round.

    Args:
        server: The livekit-server.
        provider: Name of the provider of the system `ours`; empty for our own worker.
        names: Names of the systems; empty for all systems.
        compare_with: Names of installed providers, which become the last systems.

    Returns:
        The systems.
    """
    every = [Voice(server), Stock(server), Ours(server, provider), OursStock(server)]
    every += [InstalledProvider(server, name) for name in compare_with]
    return [system for system in every if not names or system.name in names]
