"""The request to a provider, and the record of the session that it provisioned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSpec:
    """A room token to mint, with the least grants that suffice.

    Attributes:
        identity: Identity of the participant that joins with the token.
        name: Display name of the participant; the identity where empty.
        can_subscribe: Whether it may subscribe to tracks; byte streams and RPCs need no grant.
        attributes: Participant attributes, which everyone in the room can read; never a secret.
        ttl_s: Seconds within which the token can be used to join; a participant may stay longer.
    """

    identity: str
    name: str = ""
    can_subscribe: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    ttl_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedAvatar:
    """The record of one paid session; holds all that `release` needs, in any process.

    Attributes:
        session_id: The vendor's id of the session.
        identity: Identity of the participant that shows the avatar.
        audio_identity: Identity of the participant that receives the audio; `identity` where
            empty.
        audio: Audio format of this session; None uses the format of the capabilities.
        expires_at: Unix time in seconds at which the vendor ends the session; None if unknown.
        state: What `release` needs beside `session_id`; JSON-safe, without secrets.
    """

    session_id: str
    identity: str
    audio_identity: str = ""
    audio: AudioFormat | None = None
    expires_at: float | None = None
    state: Mapping[str, Any] = field(default_factory=dict)

    @property
    def audio_destination(self) -> str:
        """Identity of the participant that receives the audio."""
        return self.audio_identity or self.identity


class StartWorker(Protocol):
    """Starts one of our own workers: a child process, or a task for a room in memory."""

    async def __call__(
        self,
        renderer: str,
        *,
        token: str,
        options: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """Start a worker, and wait until it is in the room.

        Args:
            renderer: `package.module:Class` of a `Renderer`.
            token: The room token that the worker joins with.
            options: Keyword arguments of the renderer, JSON-safe.

        Returns:
            The record of the worker, JSON-safe, for `stop_worker` and `worker_exited`.

        Raises:
            WorkerError: The worker cannot be started, or ended before it was ready.
        """


@dataclass(frozen=True, kw_only=True)
class ProvisionRequest:
    """All that a provider needs to bring an avatar into a room.

    Attributes:
        key: Unique key of this start, equal for all its attempts: use it as the idempotency key
            or as the name of the session.
        livekit_url: URL of the LiveKit server that the worker joins.
        room_name: Name of the room that the worker joins.
        agent_identity: Identity of the agent that the avatar speaks for.
        identity: Identity of the avatar's participant, unique per session.
        deadline_s: Seconds that `provision` may take.
        token_ttl_s: Seconds within which the avatar must join with its token; it may stay longer.
        mint: Returns a room token for a `TokenSpec`.
        claim: Records the session in the ledger. Call it as soon as the session exists at the
            vendor, before the next await.
        start_worker: Starts a worker process, for providers without a vendor. Put its result into
            `ProvisionedAvatar.state`, for `stop_worker` and `worker_exited`.
    """

    key: str
    livekit_url: str
    room_name: str
    agent_identity: str
    identity: str
    deadline_s: float
    token_ttl_s: float = 120.0
    mint: Callable[[TokenSpec], str] = field(repr=False)
    claim: Callable[[ProvisionedAvatar], object] = field(repr=False)
    start_worker: StartWorker = field(repr=False)

    def avatar_token(self) -> str:
        """Return a room token for the avatar's participant; most vendors need no other."""
        return self.mint(
            TokenSpec(
                identity=self.identity,
                attributes={PUBLISH_ON_BEHALF: self.agent_identity},
                ttl_s=self.token_ttl_s,
            )
        )
