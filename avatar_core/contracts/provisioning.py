"""The request for an avatar that a provider receives, and the record of the session it creates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSpec:
    """The specification of a room token for one participant.

    Attributes:
        identity: Identity of the participant that joins with the token.
        name: Display name of the participant; an empty name means that the identity is shown.
        can_subscribe: Whether the participant may subscribe to tracks. Byte streams and RPCs need
            no grant.
        attributes: Participant attributes, which everyone in the room can read. The attributes must
            not contain secrets.
        ttl_s: Seconds for which the token admits a participant to the room. A participant who has
            joined may stay longer.
    """

    identity: str
    name: str = ""
    can_subscribe: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    ttl_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedAvatar:
    """The record of one paid session at a vendor.

    The record contains all data that `AvatarProvider.release` needs to end the session from any
    process.

    Attributes:
        session_id: The vendor's id of the session.
        identity: Identity of the participant that shows the avatar.
        audio_identity: Identity of the participant that receives the audio; an empty string means
            `identity`.
        audio: Audio format of this session; None means the format in `Capabilities.audio`.
        expires_at: Unix time in seconds at which the vendor ends the session; None if unknown.
        state: Other data that `release` needs: JSON-serializable, without secrets.
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
    """The type of the function that starts a worker of avatar-core.

    The worker is a child process, or a task for a room in memory.
    """

    async def __call__(
        self,
        renderer: str,
        *,
        token: str,
        options: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """Start a worker, and wait until the worker has joined the room.

        Args:
            renderer: The renderer class, a subclass of `Renderer`, as `package.module:Class`.
            token: The room token that the worker joins with.
            options: Keyword arguments of the renderer class, JSON-serializable; None means none.

        Returns:
            The record of the worker, JSON-serializable. `stop_worker` and `worker_exited` take it.

        Raises:
            WorkerError: The worker cannot be started, or ended before it was ready.
        """


@dataclass(frozen=True, kw_only=True)
class ProvisionRequest:
    """A request to a provider to bring an avatar into a room.

    avatar-core passes the request to `AvatarProvider.provision`.

    Attributes:
        key: Unique key of one start of an avatar. All attempts of the start have the same key, so a
            provider can use the key as idempotency key or as name of the session.
        livekit_url: URL of the LiveKit server that the worker joins, with the scheme ws or wss.
        room_name: Name of the room that the worker joins.
        agent_identity: Identity of the agent that the avatar speaks for.
        identity: Identity of the avatar's participant, unique for each session.
        deadline_s: Seconds that `provision` may take.
        token_ttl_s: Lifetime of the avatar's token in seconds: the longest time until the avatar
            has joined. A participant who has joined may stay longer.
        mint: A function that returns a room token for a `TokenSpec`.
        claim: A function that records the session in the ledger. Call `claim` as soon as the
            session exists at the vendor, before the next await.
        start_worker: A function that starts a worker process, for providers without a vendor. Put
            the result into `ProvisionedAvatar.state`, where `stop_worker` and `worker_exited`
            expect it.
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
        """Return a room token for the avatar's participant. Most vendors need no other token.

        Returns:
            The token, a JWT that is valid for `token_ttl_s` seconds.

        Raises:
            ConfigError: The room has no name, or `identity` is empty.
            RoomError: The session has no LiveKit API key to sign the token with.
        """
        return self.mint(
            TokenSpec(
                identity=self.identity,
                attributes={PUBLISH_ON_BEHALF: self.agent_identity},
                ttl_s=self.token_ttl_s,
            )
        )
