"""The room of a call on a livekit-server on loopback, in real time."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.room_io import RoomOptions

from avatar_core.agents.rooms import AnyRoom
from avatar_core.agents.session import AvatarSession
from avatar_core.contracts.errors import ConfigError
from avatar_core.processes import ProcessRecord
from avatar_core.rtc import admin
from avatar_core.rtc.subscriptions import is_sound
from avatar_core.settings import AvatarSettings, LiveKitSettings
from avatar_core.testing.audio.meter import AudioMeter
from avatar_core.testing.audio.tones import HeardWord
from avatar_core.testing.call.room import Action
from avatar_core.testing.fake_vendor.account import VendorSession
from avatar_core.testing.fake_vendor.launcher import RENDERER, SIDE
from avatar_core.testing.faults.moderator import Moderator
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.faults.worker_process import start_faulty_process
from avatar_core.testing.listener import Listener
from avatar_core.testing.server.server import DevServer
from avatar_core.testing.server.tokens import create_token, livekit_settings

AGENT, USER = "agent", "user"
LISTENS_S = 5.0
"""Seconds within which the listener receives the sound of an avatar that can be heard."""


class ServerCallRoom:
    """A room of its own on a livekit-server that runs as long as the call.

    Attributes:
        livekit: The settings of LiveKit for `create_avatar`, after `open`.
        is_real: True.
        memory: None.
        actions: The faults that can start while an avatar is live, by name.
    """

    livekit: LiveKitSettings
    is_real = True
    memory = None

    def __init__(self) -> None:
        self._name = f"call-{secrets.token_hex(4)}"
        self._room = rtc.Room()
        self._meter = AudioMeter()
        self._open = AsyncExitStack()
        self._received: set[str] = set()
        """Sids of the audio tracks that the listener has received."""
        self._new_sound = asyncio.Event()
        self._listener: Listener
        self._moderator: Moderator
        self.actions: Mapping[str, Action] = {
            "worker dies": lambda avatar: os.kill(_pid(avatar), signal.SIGKILL),
            "worker freezes": lambda avatar: os.kill(_pid(avatar), signal.SIGSTOP),
            "worker leaves": self._remove,
            "server mutes the avatar": lambda avatar: self._moderator.mute(avatar.avatar_identity),
            "server revokes the permission": lambda avatar: self._moderator.revoke_permission(
                avatar.avatar_identity
            ),
        }

    def adapt(self, settings: AvatarSettings) -> AvatarSettings:
        """Return the settings with a ledger that ends with the call.

        Args:
            settings: The settings of the application.

        Returns:
            The settings of the call, whose sessions do not appear in the user's own ledger.
        """
        folder = TemporaryDirectory(prefix="avatar-ledger-", ignore_cleanup_errors=True)
        path = Path(self._open.enter_context(folder))
        return settings.model_copy(update={"ledger": path})

    async def open(self) -> AnyRoom:
        """Start the server, and let agent and listener join the room.

        Returns:
            The room of the agent.

        Raises:
            ServerError: The livekit-server cannot start.
        """
        server = await self._open.enter_async_context(DevServer.start())
        self.livekit = livekit_settings(server)
        self._moderator = Moderator(self.livekit, self._name)
        await self._room.connect(server.url, create_token(server, self._name, AGENT, "agent"))
        self._open.push_async_callback(self._room.disconnect)
        token = create_token(server, self._name, USER)
        self._listener = await Listener.join(server.url, token, self._receive)
        self._open.push_async_callback(self._listener.aclose)
        return self._room

    async def wait_for_listener(self, avatar: AvatarSession) -> None:
        """Wait until the listener receives the sound of the avatar, or of the agent's voice.

        The server reports a subscription to the agent before the listener receives the first
        packet: 5 to 45 ms before it, more on a busy machine. The method waits for at most
        `LISTENS_S`, because a fault may keep the sound away.

        Args:
            avatar: The avatar, which has joined or has failed.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTENS_S):
                while not self._hears(avatar.avatar_identity or AGENT):
                    self._new_sound.clear()
                    await self._new_sound.wait()

    async def start_session(self, session: AgentSession[Any], agent: Agent) -> None:
        """Start the agent session in the room, without audio input.

        Args:
            session: The agent session.
            agent: The agent.
        """
        await session.start(agent, room=self._room, room_options=RoomOptions(audio_input=False))

    def is_present(self, identity: str) -> bool:
        """Return whether the listener sees a participant.

        Args:
            identity: The identity of the participant.

        Returns:
            True if the participant has not left.
        """
        return identity in self._listener.link.room.remote_participants

    def tones(self, since_s: float) -> list[HeardWord]:
        """Return the tones that the listener has heard.

        Args:
            since_s: The loop time in seconds at which the first tone begins.

        Returns:
            The tones of each track in order, with loop times.
        """
        return [tone for tone in self._meter.decode(since_s) if tone.start_s >= since_s]

    async def launch(self, session: VendorSession, scenario: Scenario) -> Mapping[str, Any]:
        """Start the worker of a fake vendor as a process.

        Args:
            session: The session at the vendor.
            scenario: The faults of the worker.

        Returns:
            The record of the worker.

        Raises:
            WorkerError: The process cannot be started, or ended before it was ready.
        """
        return await start_faulty_process(
            RENDERER,
            livekit_url=session.livekit_url,
            token=session.token,
            options={"width": SIDE, "height": SIDE},
            scenario=replace(scenario, stock=True),
        )

    async def aclose(self) -> None:
        """Leave the room, and stop the server."""
        await asyncio.shield(self._open.aclose())

    def _receive(self, sid: str, at_s: float, pcm: bytes, rate_hz: int) -> None:
        self._meter.add(sid, at_s, pcm, rate_hz)
        if sid not in self._received:
            self._received.add(sid)
            self._new_sound.set()

    def _hears(self, identity: str) -> bool:
        """Return whether the listener has received a sound of a participant."""
        participant = self._listener.link.room.remote_participants.get(identity)
        publications = participant.track_publications.values() if participant is not None else ()
        return any(is_sound(one) and one.sid in self._received for one in publications)

    async def _remove(self, avatar: AvatarSession) -> None:
        await admin.remove_participant(self.livekit, self._name, avatar.avatar_identity)


def _pid(avatar: AvatarSession) -> int:
    record = ProcessRecord.read(avatar.avatar.state) if avatar.avatar is not None else None
    if record is None:
        raise ConfigError(
            f"The avatar of {avatar.provider!r} has no worker process on this machine.",
            hint="Pass the fault to the call, such as fault='worker dies at 2 s'.",
        )
    return record.pid
