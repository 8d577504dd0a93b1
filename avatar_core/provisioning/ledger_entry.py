"""A ledger entry: the record of one paid session, with the process that owns it."""

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
"""An avatar may join so long after the request: the slowest cold start takes 2.5 min (measured)."""

SUFFIX = ".json"
FORGET_AFTER_S = 24 * 3600.0
"""An entry without an `expires_at` expires after this time; no known session lives so long."""
EXPIRED_MARGIN_S = 600.0
"""An entry expires so long after its `expires_at`."""
NO_OWNER = 0
"""The pid of an entry that its process has disowned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A session that was requested from a vendor, and may have been created.

    Attributes:
        provider: The provider's name.
        key: The key of the request, as in `ProvisionRequest.key`.
        room: The name of the room that it was requested for.
        identity: The identity of its participant.
        account: The account that can end it, as in `AvatarProvider.account`.
        livekit_url: The URL of the room's server.
        session_id: The vendor's id of the session; empty while it is not known.
        audio_identity: As in `ProvisionedAvatar`.
        audio: As in `ProvisionedAvatar`.
        expires_at: As in `ProvisionedAvatar`.
        state: As in `ProvisionedAvatar`.
        at: Unix seconds of the request.
        pid: The process that sent the request; `NO_OWNER` once it disowned the session.
        started: When that process started, as in `avatar_core.processes`.
        boot: The boot of its machine, as in `avatar_core.processes`.
        host: The machine and container in which the pid is valid, as in `avatar_core.processes`.
        lock: The id of the lock that the process holds on the entry's file, as in `ledger_locks`;
            empty without a lock. Two records of a session may differ in it.
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
    lock: str = field(default="", compare=False)

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
        """Return the entry of a request that this process is about to send.

        Args:
            provider: The provider's name.
            key: The key of the request.
            room: The name of the room.
            identity: The identity of the participant.
            account: The account that can end the session.
            livekit_url: The URL of the room's server.
        """
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
        """Return this entry with the session that the vendor created.

        Args:
            avatar: The session.
        """
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
        """The session, as `AvatarProvider.release` takes it."""
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
        """The provider and the session id, or else the key, for logs and tables."""
        return f"{self.provider} session {self.session_id or f'of {self.key}'}"

    @property
    def file_name(self) -> str:
        """The name of the entry's file: a hash, because vendor data must not be in a path."""
        text = f"{self.provider}\n{self.key}\n{self.session_id}".encode(errors="backslashreplace")
        return f"{sha256(text).hexdigest()[:32]}{SUFFIX}"

    @property
    def has_own_identity(self) -> bool:
        """Whether the identity was made for this session alone, and is not the vendor's own."""
        return self.identity.endswith(f"-{self.key.rpartition('-')[2]}")

    def disown(self) -> LedgerEntry:
        """Return this entry without an owner: any reaper may end the session from now on."""
        return replace(self, pid=NO_OWNER)

    def is_ours(self) -> bool:
        """Return whether this process owns the session."""
        pid = os.getpid()
        return (self.pid, self.host) == (pid, process.place()) and (
            self.started == (process.started(pid) or 0.0)
        )

    def is_orphan(self, free_lock: str = "") -> bool:
        """Return whether no process owns the session, of which nobody holds the lock.

        The owner may run on another machine or in another container, where this process cannot
        look it up. Its lock shows whether it lives, if both see the same lock. If not, the entry
        becomes an orphan when it expires.

        Args:
            free_lock: The id of the lock on the entry's file; empty if it is not known.
        """
        if self.pid == NO_OWNER:
            return True
        runs = process.runs(self.host, self.boot, self.pid, self.started)
        if runs is None:
            return self.is_expired() or (self.lock != "" and self.lock == free_lock)
        return not runs

    def may_still_join(self) -> bool:
        """Return whether the request is so recent that its avatar may not have joined yet."""
        return time.time() < self.at + MAY_STILL_JOIN_S

    def is_expired(self) -> bool:
        """Return whether the vendor must have ended the session by now."""
        until = (
            self.at + FORGET_AFTER_S
            if self.expires_at is None
            else self.expires_at + EXPIRED_MARGIN_S
        )
        return time.time() > until
