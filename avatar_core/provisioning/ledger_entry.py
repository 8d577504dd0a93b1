"""A ledger entry: the record of one paid session, and of the process that owns the session."""

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
"""Seconds after the request in which an avatar may still join. The slowest measured cold start of a
vendor took 2.5 minutes."""

SUFFIX = ".json"
FORGET_AFTER_S = 24 * 3600.0
"""Seconds after which an entry without `expires_at` expires. No known session lasts so long."""
EXPIRED_MARGIN_S = 600.0
"""Seconds from `expires_at` of an entry until the entry expires."""
NO_OWNER = 0
"""The pid of an entry that no process owns any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """The record of a session that a process requested from a vendor, and that may exist.

    Attributes:
        provider: Name of the provider.
        key: The key of the request, as in `ProvisionRequest.key`.
        room: Name of the room that the avatar joins.
        identity: Identity of the avatar's participant.
        account: The account that can end the session, as in `AvatarProvider.account`.
        livekit_url: URL of the LiveKit server of the room.
        session_id: The vendor's id of the session; empty while the id is unknown.
        audio_identity: The same as `ProvisionedAvatar.audio_identity`.
        audio: The same as `ProvisionedAvatar.audio`.
        expires_at: The same as `ProvisionedAvatar.expires_at`.
        state: The same as `ProvisionedAvatar.state`.
        at: Unix time of the request in seconds.
        pid: Id of the process that sent the request; `NO_OWNER` if no process owns the session any
            more.
        started: Start time of the process in seconds, as `processes.started` returns it.
        boot: Id of the boot of the process's machine, as `processes.boot` returns it.
        host: Host and container in which `pid` is valid, as `processes.place` returns them.
        lock: Id of the lock that the process holds on the entry's file, as `lock_id` returns it;
            empty without a lock. Entries that differ only in `lock` are equal.
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
        """Create the entry of a request that the current process is about to send.

        Args:
            provider: Name of the provider.
            key: The key of the request.
            room: Name of the room.
            identity: Identity of the avatar's participant.
            account: The account that can end the session; empty if the vendor has no accounts.
            livekit_url: URL of the LiveKit server of the room; empty if unknown.

        Returns:
            The entry, without a session id.
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
        """Return a copy of this entry with the session that the vendor created.

        Args:
            avatar: The record of the session.

        Returns:
            The copy.
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
        """The record of the session that `AvatarProvider.release` takes."""
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
        """The name of the provider with the session id or the request key, for logs."""
        return f"{self.provider} session {self.session_id or f'of {self.key}'}"

    @property
    def file_name(self) -> str:
        """The name of the entry's file. A hash keeps data of the vendor out of the path."""
        text = f"{self.provider}\n{self.key}\n{self.session_id}".encode(errors="backslashreplace")
        return f"{sha256(text).hexdigest()[:32]}{SUFFIX}"

    @property
    def has_own_identity(self) -> bool:
        """Whether the identity was made for this session alone, and is not the vendor's own."""
        return self.identity.endswith(f"-{self.key.rpartition('-')[2]}")

    def disown(self) -> LedgerEntry:
        """Return a copy of this entry without an owner, so that any reaper may end the session.

        Returns:
            The copy.
        """
        return replace(self, pid=NO_OWNER)

    def is_ours(self) -> bool:
        """Return whether the current process owns the session.

        Returns:
            Whether the current process owns the session.
        """
        pid = os.getpid()
        return (self.pid, self.host) == (pid, process.place()) and (
            self.started == (process.started(pid) or 0.0)
        )

    def is_orphan(self, free_lock: str = "") -> bool:
        """Return whether the session has no living owner process.

        If the owner runs on another machine or in another container, the current process cannot
        find the owner. The lock of the owner shows whether the owner is alive, if both processes
        see the same lock. If the processes do not see the same lock, the entry becomes an orphan
        when the entry expires.

        Args:
            free_lock: Id of the lock on the entry's file, which nobody holds; empty if the id is
                unknown.

        Returns:
            Whether the session has no living owner process.
        """
        if self.pid == NO_OWNER:
            return True
        runs = process.runs(self.host, self.boot, self.pid, self.started)
        if runs is None:
            return self.is_expired() or (self.lock != "" and self.lock == free_lock)
        return not runs

    def may_still_join(self) -> bool:
        """Return whether the avatar of the request may still join.

        Returns:
            False after `MAY_STILL_JOIN_S` seconds since the request.
        """
        return time.time() < self.at + MAY_STILL_JOIN_S

    def is_expired(self) -> bool:
        """Return whether the vendor must have ended the session by now.

        Returns:
            True if `EXPIRED_MARGIN_S` has passed since `expires_at`, or `FORGET_AFTER_S` since the
            request of an entry without `expires_at`.
        """
        until = (
            self.at + FORGET_AFTER_S
            if self.expires_at is None
            else self.expires_at + EXPIRED_MARGIN_S
        )
        return time.time() > until
