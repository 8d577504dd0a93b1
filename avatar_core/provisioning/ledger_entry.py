"""A purchase as it is written down: ids, whose it is, and which process holds it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from avatar_core import processes as process
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.provisioning import ProvisionedAvatar

MAY_STILL_JOIN_S = 180.0
"""What was asked for may come to be so long afterwards: the slowest cold start takes 2.5 min."""

SUFFIX = ".json"
KEPT_S = 24 * 3600.0
"""An entry whose vendor names no end is forgotten after this: none lets a session live so long."""
EXPIRED_S = 600.0
"""So long after the end that its vendor named, an entry is forgotten."""
NOBODY = 0
"""The pid of a purchase that its process has let go of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A purchase: asked for, and since it is known, bought.

    Attributes:
        provider: A provider's name.
        key: Of the attempt, as in `ProvisionRequest.key`.
        room: The name of the room it was bought for.
        identity: The participant made for it.
        account: Whose it is, as in `AvatarProvider.account`.
        livekit_url: Of the room's server.
        session_id: The vendor's name for it, empty while none is known.
        audio_identity, audio, expires_at, state: As in `ProvisionedAvatar`.
        at: Unix seconds when it was asked for.
        pid, started, boot, host: The process that asked, as in `avatar_core.processes`.
    """

    provider: str
    key: str
    room: str
    identity: str
    account: str = ""
    livekit_url: str = ""
    session_id: str = ""
    audio_identity: str = ""
    audio: AudioFormat | None = None
    expires_at: float | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    at: float
    pid: int
    started: float
    boot: str = ""
    host: str

    @classmethod
    def pending(
        cls,
        provider: str,
        key: str,
        room: str,
        identity: str,
        *,
        account: str = "",
        livekit_url: str = "",
    ) -> LedgerEntry:
        """What this process is about to buy."""
        pid = os.getpid()
        return cls(
            provider=provider,
            key=key,
            room=room,
            identity=identity,
            account=account,
            livekit_url=livekit_url,
            at=time.time(),
            pid=pid,
            started=process.started(pid) or 0.0,
            boot=process.boot(),
            host=process.place(),
        )

    def with_session(self, avatar: ProvisionedAvatar) -> LedgerEntry:
        """The same purchase, now that it is known what was bought."""
        return replace(
            self,
            session_id=avatar.session_id,
            identity=avatar.identity,
            audio_identity=avatar.audio_identity,
            audio=avatar.audio,
            expires_at=avatar.expires_at,
            state=dict(avatar.state),
        )

    @property
    def avatar(self) -> ProvisionedAvatar:
        """What `release` takes."""
        return ProvisionedAvatar(
            session_id=self.session_id,
            identity=self.identity,
            audio_identity=self.audio_identity,
            audio=self.audio,
            expires_at=self.expires_at,
            state=self.state,
        )

    @property
    def label(self) -> str:
        """For a reader."""
        return f"{self.provider} session {self.session_id or f'of {self.key}'}"

    @property
    def name(self) -> str:
        """Of its file: nothing of a vendor's goes into a path."""
        words = f"{self.provider}\n{self.key}\n{self.session_id}".encode(errors="backslashreplace")
        return f"{sha256(words).hexdigest()[:32]}{SUFFIX}"

    def disown(self) -> LedgerEntry:
        """The same purchase, for whoever ends it next: its process will not."""
        return replace(self, pid=NOBODY)

    def is_orphan(self) -> bool:
        """Nobody holds it; of a process that nobody here can see, only its age tells."""
        if self.pid == NOBODY:
            return True
        runs = process.runs(self.host, self.boot, self.pid, self.started)
        return self.is_expired() if runs is None else not runs

    def may_still_join(self) -> bool:
        """It was asked for so recently that it may not be there yet."""
        return time.time() < self.at + MAY_STILL_JOIN_S

    def is_expired(self) -> bool:
        """Its vendor has ended it by now, whatever became of us."""
        until = self.at + KEPT_S if self.expires_at is None else self.expires_at + EXPIRED_S
        return time.time() > until
