"""The demo where there is no server: the same conversation in a room in memory, as a film."""

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
from avatar_core.testing.conversation import IN_MEMORY, Conversation
from avatar_core.testing.room.media import Recording
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.worker import in_process
from avatar_demo.agent import EVENTS, fact_of
from avatar_demo.console import View
from avatar_demo.recording import Recorder
from avatar_demo.rpc_names import INTERRUPT, SAY, Facts
from avatar_demo.script import converse
from avatar_demo.speaker import Talk
from avatar_demo.user import Person

Provision = Callable[[ProvisionRequest], Awaitable[ProvisionedAvatar]]


async def play(view: View, film: Path, seconds: float, how_else: str) -> int:
    """Play the conversation into a film; the exit code is 0 if all was as it must be.

    Args:
        view: Shows it.
        film: The mp4.
        seconds: About how long.
        how_else: How to come by the real one, one sentence.

    Raises:
        AvatarError: The film cannot be written, or the avatar needs a real room.
    """
    began_at = loop_time()
    logging.getLogger("avatar_core").setLevel(logging.CRITICAL)  # its faults are told by events
    providers = _providers()
    async with Recorder(film) as recorder:
        room = MemoryRoom()
        avatar = create_avatar(providers or VOICE, livekit=IN_MEMORY)
        person = _Beside(room, avatar, view.told, recorder)
        async with Conversation(avatar, room) as conversation:
            await avatar.wait_for_join()
            if providers and avatar.provider == VOICE and avatar.last_error is not None:
                raise avatar.last_error
            view.step("agent and avatar, in memory", "ready", loop_time() - began_at)
            person.talk = Talk(conversation.session, person)
            code = await converse(view, person, seconds)
            person.leave_unsaid()
    view.line(f"It is recorded in {film}, from a room in memory. For a real one: {how_else}")
    return code


class _Beside(Person):
    """A person in the agent's own process: what others ask by RPC is a call."""

    talk: Talk

    def __init__(
        self,
        room: MemoryRoom,
        avatar: AvatarSession,
        tell: Callable[[Facts], None],
        recorder: Recorder,
    ) -> None:
        super().__init__(tell, recorder)
        self._avatar = avatar
        self._room = room
        room.recording = _Open(self._hear, recorder)
        for name in EVENTS:
            avatar.on(name, self._note)

    @property
    def pictures(self) -> int:
        return sum(self._room.recording.pictures.values())

    async def kill_avatar(self) -> str | None:
        avatar = self._avatar.avatar
        if avatar is None:
            return None
        self._room.crash(avatar.identity)
        in_process.kill(avatar.state)
        return "The avatar's worker is gone without a word"

    def tell(self, what: str, **fact: Any) -> None:
        """As the agent tells a person in its room."""
        self._tell({"what": what, **fact})

    async def _ask(self, method: str, payload: str, timeout_s: float) -> Facts:
        assert method in (SAY, INTERRUPT)
        return await (self.talk.say if method == SAY else self.talk.interrupt)(payload)

    def leave_unsaid(self) -> None:
        """Tell no more of the avatar."""
        for name in EVENTS:
            self._avatar.off(name, self._note)

    def _note(self, event: AvatarEvent) -> None:
        self._tell(fact_of(event))


class _Open(Recording):
    """A recording that is passed on while it is made."""

    def __init__(self, hear: Callable[[str, float, bytes, int], None], recorder: Recorder) -> None:
        super().__init__()
        self._hear = hear
        self._see = recorder.see

    def heard(self, identity: str, at_s: float, format: AudioFormat, pcm: bytes) -> None:
        if format.channels > 1:
            samples = np.frombuffer(pcm, "<i2").reshape(-1, format.channels)
            pcm = samples.mean(axis=1).astype("<i2").tobytes()
        self._hear(identity, at_s, pcm, format.rate_hz)

    def seen(self, identity: str, picture: VideoFrame) -> None:
        super().seen(identity, picture)
        self._see(identity, loop_time(), picture)


def _providers() -> list[AvatarProvider[Any]]:
    """Those of AVATAR_PROVIDER, so that none of them asks a vendor for what cannot join."""
    chain = resolve(None, ProviderRegistry(), AvatarSettings.load())
    providers = [candidate.provider for candidate in chain if candidate.provider is not None]
    for provider in providers:
        provider.provision = _in_memory(provider.provision)  # type: ignore[method-assign]
    return providers


def _in_memory(provision: Provision) -> Any:
    async def guarded(request: ProvisionRequest) -> ProvisionedAvatar:
        return await provision(cast(ProvisionRequest, _Request(request)))

    return guarded


class _Request:
    """A request for an avatar in a room in memory: it has no url that a vendor could join."""

    def __init__(self, request: ProvisionRequest) -> None:
        self._request = request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)

    @property
    def livekit_url(self) -> str:
        raise ProvisionError(
            "it needs a real room, and there is none in memory.",
            hint="Put livekit-server on PATH, or choose AVATAR_PROVIDER=local for this demo.",
            outcome=Outcome.NOT_SENT,
        )
