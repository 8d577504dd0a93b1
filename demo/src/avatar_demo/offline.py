"""Runs the scripted conversation in memory, without a livekit-server, and records it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from avatar_core.agents.create import create_avatar
from avatar_core.agents.session import AvatarSession
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.errors import Outcome, ProvisionError
from avatar_core.contracts.events import AvatarEvent
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.contracts.renderer import VideoFrame
from avatar_core.registry.discovery import VOICE, ProviderRegistry
from avatar_core.registry.selection import resolve
from avatar_core.settings import AvatarSettings
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.recording import Recording
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.worker import in_process
from avatar_demo.agent import EVENTS, describe_event
from avatar_demo.console import DemoConsole
from avatar_demo.recording import Recorder
from avatar_demo.rpc_names import INTERRUPT, SAY, Payload
from avatar_demo.script import run_script
from avatar_demo.speaker import Speaker
from avatar_demo.user import DemoUser

Provision = Callable[[ProvisionRequest], Awaitable[ProvisionedAvatar]]


async def run_offline(console: DemoConsole, path: Path, seconds: float, hint: str) -> int:
    """Run the scripted conversation in memory and record it.

    Args:
        console: The console that prints the conversation.
        path: Path of the mp4 file.
        seconds: Approximate length of the conversation in seconds.
        hint: One sentence that explains how to run the demo with a livekit-server.

    Returns:
        The exit code: 0 if the user heard every word as expected, otherwise 1.

    Raises:
        AvatarError: The file cannot be written, or the provider needs a real room.
        TimeoutError: The agent's speech did not start within 15 s.
    """
    started_at = loop_time()
    # Errors reach the console as events.
    logging.getLogger("avatar_core").setLevel(logging.CRITICAL)
    providers = _load_providers()
    async with Recorder(path) as recorder:
        room = MemoryRoom()
        avatar = create_avatar(providers or VOICE, livekit=IN_MEMORY)
        user = _InProcessUser(room, avatar, console.event, recorder)
        async with Conversation(avatar, room) as conversation:
            await avatar.wait_for_join()
            if providers and avatar.provider == VOICE and avatar.last_error is not None:
                raise avatar.last_error
            console.step("agent and avatar, in memory", "ready", loop_time() - started_at)
            user.speaker = Speaker(conversation.session, user)
            code = await run_script(console, user, seconds)
            user.stop_events()
    console.line(f"Recorded {path} from an in-memory room. To use a LiveKit room: {hint}")
    return code


class _InProcessUser(DemoUser):
    """A test user in the agent's own process, which calls functions instead of RPCs."""

    speaker: Speaker

    def __init__(
        self,
        room: MemoryRoom,
        avatar: AvatarSession,
        on_event: Callable[[Payload], None],
        recorder: Recorder,
    ) -> None:
        super().__init__(on_event, recorder)
        self._avatar = avatar
        self._room = room
        room.recording = _ForwardingRecording(self._add_audio, recorder)
        for name in EVENTS:
            avatar.on(name, self._forward)

    @property
    def video_frames(self) -> int:
        return sum(self._room.recording.video_frames.values())

    async def kill_avatar(self) -> str | None:
        avatar = self._avatar.avatar
        if avatar is None:
            return None
        self._room.crash(avatar.identity)
        in_process.kill(avatar.state)
        return "Killed the avatar's worker"

    def notify(self, type: str, **fields: Any) -> None:
        """Receive an event of the agent; in a real room, `RpcNotifier` sends the event.

        Args:
            type: Name of the event.
            **fields: JSON values that belong to the event.
        """
        self._on_event({"type": type, **fields})

    async def _call(self, method: str, payload: str, timeout_s: float) -> Payload:
        assert method in (SAY, INTERRUPT)
        return await (self.speaker.say if method == SAY else self.speaker.interrupt)(payload)

    def stop_events(self) -> None:
        """Stop forwarding the events of the avatar."""
        for name in EVENTS:
            self._avatar.off(name, self._forward)

    def _forward(self, event: AvatarEvent) -> None:
        self._on_event(describe_event(event))


class _ForwardingRecording(Recording):
    """A recording of a room in memory that forwards audio and video as they arrive."""

    def __init__(
        self, add_audio: Callable[[str, float, bytes, int], None], recorder: Recorder
    ) -> None:
        super().__init__()
        self._add_audio = add_audio
        self._add_video = recorder.add_video

    def heard(self, identity: str, at_s: float, format: AudioFormat, pcm: bytes) -> None:
        if format.channels > 1:
            samples = np.frombuffer(pcm, "<i2").reshape(-1, format.channels)
            pcm = samples.mean(axis=1).astype("<i2").tobytes()
        self._add_audio(identity, at_s, pcm, format.rate_hz)

    def seen(self, identity: str, frame: VideoFrame) -> None:
        super().seen(identity, frame)
        self._add_video(identity, loop_time(), frame)


def _load_providers() -> list[AvatarProvider[Any]]:
    """Load the providers of AVATAR_PROVIDER, and let them raise if they need the URL of a room.

    Returns:
        The providers of the chain, without the voice.
    """
    chain = resolve(None, ProviderRegistry(), AvatarSettings.load())
    providers = [candidate.provider for candidate in chain if candidate.provider is not None]
    for provider in providers:
        provider.provision = _without_url(provider.provision)  # type: ignore[method-assign]
    return providers


def _without_url(provision: Provision) -> Any:
    async def provision_in_memory(request: ProvisionRequest) -> ProvisionedAvatar:
        return await provision(cast(ProvisionRequest, _RequestWithoutUrl(request)))

    return provision_in_memory


class _RequestWithoutUrl:
    """A provision request for a room in memory, which has no URL for a vendor to join."""

    def __init__(self, request: ProvisionRequest) -> None:
        self._request = request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)

    @property
    def livekit_url(self) -> str:
        raise ProvisionError(
            "the provider needs a LiveKit room, but this demo runs in memory.",
            hint="Put livekit-server on PATH, or choose AVATAR_PROVIDER=local for this demo.",
            outcome=Outcome.NOT_SENT,
        )
