"""The systems of the bench: each an AudioOutput of livekit-agents, and what is behind it."""

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
    OwnWorkerProvider,
    PictureSettings,
    StockWorkerProvider,
)

AGENT, AVATAR = "agent", "stock-avatar"
JOIN_S = 30.0
FPS = 25
"""Pictures a second."""


@dataclass
class Seat:
    """A system in its room, ready to speak.

    Attributes:
        output: Where the agent's speech goes.
        began: Loop time at which it was started.
        workers: Process ids of what was started for it.
    """

    output: io.AudioOutput
    began: float
    workers: list[int]

    def signal(self, number: signal.Signals) -> None:
        """Send its workers a signal."""
        for pid in self.workers:
            os.kill(pid, number)


class System(ABC):
    """One way to speak."""

    name: ClassVar[str]
    has_worker: ClassVar[bool] = True

    def __init__(self, server: DevServer) -> None:
        self.server = server
        self.fps = FPS

    async def enter(self, stack: AsyncExitStack, room_name: str) -> Seat:
        """Start it in a room; the stack ends it."""
        room = rtc.Room()
        await room.connect(self.server.url, self.token(room_name, AGENT))
        stack.push_async_callback(room.disconnect)
        before, began = _children(), asyncio.get_running_loop().time()
        output = await self.open(stack, room)
        return Seat(output, began, [pid for pid in _children() if pid not in before])

    @abstractmethod
    async def open(self, stack: AsyncExitStack, room: rtc.Room) -> io.AudioOutput:
        """Bring in what speaks; returns once it would be heard."""

    def token(self, room_name: str, identity: str, on_behalf_of: str = "") -> str:
        """A token of the server: for a person, the agent, or its avatar."""
        token = api.AccessToken(self.server.api_key, self.server.api_secret)
        token = token.with_identity(identity)
        if identity == AGENT or on_behalf_of:
            token = token.with_kind("agent")
        if on_behalf_of:
            token = token.with_attributes({PUBLISH_ON_BEHALF: on_behalf_of})
        return token.with_grants(api.VideoGrants(room_join=True, room=room_name)).to_jwt()


class Voice(System):
    """The floor: the agent's own voice track, as livekit-agents publishes it."""

    name = "voice"
    has_worker = False

    async def open(self, stack: AsyncExitStack, room: rtc.Room) -> io.AudioOutput:
        """Publish a microphone track."""
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
    """What users have today: DataStreamAudioOutput, and AvatarRunner in a process."""

    name = "stock"

    async def open(self, stack: AsyncExitStack, room: rtc.Room) -> io.AudioOutput:
        """Start the worker."""
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
    """Our agent, with our worker in a process, or any provider that is installed."""

    name = "ours"
    worker: ClassVar[type[AvatarProvider[PictureSettings]]] = OwnWorkerProvider

    def __init__(self, server: DevServer, provider: str = "") -> None:
        super().__init__(server)
        self._provider = provider

    async def open(self, stack: AsyncExitStack, room: rtc.Room) -> io.AudioOutput:
        """Start the avatar."""
        session: AgentSession[Any] = AgentSession()
        server = self.server
        avatar = create_avatar(
            self._provider or self.worker(PictureSettings(fps=self.fps)),
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
    """Our agent with the stock worker, as a foreign vendor's."""

    name = "ours-stock"
    worker = StockWorkerProvider


class Beside(Ours):
    """Our agent with an installed provider, under the provider's name."""

    def __init__(self, server: DevServer, provider: str) -> None:
        super().__init__(server, provider)
        self.name = provider  # type: ignore[misc]


def _children() -> list[int]:
    return [child.pid for child in psutil.Process().children(recursive=True)]


SYSTEMS = (Voice.name, Stock.name, Ours.name, OursStock.name)


def systems_of(
    server: DevServer, provider: str, names: Sequence[str] = (), beside: Sequence[str] = ()
) -> list[System]:
    """The systems of those names, or all, in the order of a round; providers `beside` come last."""
    every = [Voice(server), Stock(server), Ours(server, provider), OursStock(server)]
    every += [Beside(server, name) for name in beside]
    return [system for system in every if not names or system.name in names]
