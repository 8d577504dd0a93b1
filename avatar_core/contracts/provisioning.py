"""What is asked of a provider, and what it brings: a purchase, as plain records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSpec:
    """A room token wanted: the least grants that do.

    Attributes:
        identity: Who joins with it.
        name: The name shown for it; the identity where empty.
        can_subscribe: Whether it hears others; receiving byte streams and RPC needs no such grant.
        attributes: Readable by everyone in the room; never a secret.
        ttl_s: Lifetime of the token, for joining; a joined participant stays.
    """

    identity: str
    name: str = ""
    can_subscribe: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    ttl_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedAvatar:
    """One paid session at a vendor; all that `release` needs, in any process.

    Attributes:
        session_id: The vendor's name for it.
        identity: The participant that shows the avatar.
        audio_identity: The participant that takes the audio; `identity` where empty.
        audio: The format this session wants; None leaves it to the capabilities.
        expires_at: Unix seconds when the vendor ends it; None where unknown.
        state: JSON-safe, no secrets: what `release` must know beside `session_id`.
    """

    session_id: str
    identity: str
    audio_identity: str = ""
    audio: AudioFormat | None = None
    expires_at: float | None = None
    state: Mapping[str, Any] = field(default_factory=dict)

    @property
    def listener(self) -> str:
        """The identity that audio is sent to."""
        return self.audio_identity or self.identity


class StartWorker(Protocol):
    """Starts a worker of our own, the way the room has it: a child process, or a task."""

    async def __call__(
        self,
        renderer: str,
        *,
        token: str,
        options: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """Start a worker, wait until it is in the room, and return its record.

        Args:
            renderer: `package.module:Class` of a `Renderer`.
            token: The token it joins with.
            options: Keyword arguments of the renderer, JSON-safe.

        Raises:
            WorkerError: It cannot be started, or died before it was ready.
        """


@dataclass(frozen=True, kw_only=True)
class ProvisionRequest:
    """What a provider needs to bring an avatar into a room.

    Attributes:
        key: The same for every attempt of one start: an idempotency key, a unique name.
        livekit_url: Where the vendor's worker joins.
        room_name: The room it joins.
        agent_identity: On whose behalf it speaks.
        identity: The identity made for it, unique per session.
        deadline_s: Seconds that `provision` may take.
        token_ttl_s: Lifetime of the avatar's token, as long as its session may last.
        mint: Makes a room token.
        claim: Call it the moment something exists at the vendor, before the next await.
        start_worker: For providers without a vendor: see `StartWorker`. Its result belongs
            into `ProvisionedAvatar.state`, for `stop_worker` and `worker_exited`.
    """

    key: str
    livekit_url: str
    room_name: str
    agent_identity: str
    identity: str
    deadline_s: float
    token_ttl_s: float = 3600.0
    mint: Callable[[TokenSpec], str] = field(repr=False)
    claim: Callable[[ProvisionedAvatar], object] = field(repr=False)
    start_worker: StartWorker = field(repr=False)

    def avatar_token(self) -> str:
        """A token for the one participant that most vendors need."""
        return self.mint(
            TokenSpec(
                identity=self.identity,
                attributes={PUBLISH_ON_BEHALF: self.agent_identity},
                ttl_s=self.token_ttl_s,
            )
        )
