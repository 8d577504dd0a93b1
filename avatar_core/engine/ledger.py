"""The ledger: what was bought and has not been ended, written where any process finds it.

One file for each purchase, in one folder: written whole under another name and then renamed,
so that no reader and no crash ever sees half of it. It holds ids and what `release` needs, never
a key or a token, and is for its user alone.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
from pydantic import TypeAdapter, ValidationError

from avatar_core.contracts.provider import ProvisionedAvatar
from avatar_core.engine.constants import MAY_COME_S

log = logging.getLogger("avatar_core")

SUFFIX = ".json"
KEPT_S = 24 * 3600.0
"""An entry whose vendor names no end is forgotten after this: none lets a session live so long."""
EXPIRED_S = 600.0
"""So long after the end that its vendor named, an entry is forgotten."""
START_SLACK_S = 1.0
STALE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A purchase: asked for, and since it is known, bought.

    Attributes:
        provider: A provider's name.
        key: Of the attempt, as in `ProvisionRequest.key`.
        room: The name of the room it was bought for.
        identity: The participant made for it.
        session_id: The vendor's name for it, empty while none is known.
        audio_identity, expires_at, state: As in `ProvisionedAvatar`.
        at: Unix seconds when it was asked for.
        pid, started, host: The process that asked.
    """

    provider: str
    key: str
    room: str
    identity: str
    session_id: str = ""
    audio_identity: str = ""
    expires_at: float | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    at: float
    pid: int
    started: float
    host: str

    @classmethod
    def asked(cls, provider: str, key: str, room: str, identity: str) -> Entry:
        """What this process is about to buy."""
        return cls(
            provider=provider,
            key=key,
            room=room,
            identity=identity,
            at=time.time(),
            pid=os.getpid(),
            started=_started(os.getpid()),
            host=socket.gethostname(),
        )

    def of(self, avatar: ProvisionedAvatar) -> Entry:
        """The same purchase, now that it is known what was bought."""
        return replace(
            self,
            session_id=avatar.session_id,
            identity=avatar.identity,
            audio_identity=avatar.audio_identity,
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
            expires_at=self.expires_at,
            state=self.state,
        )

    @property
    def told(self) -> str:
        """For a reader."""
        return f"{self.provider} session {self.session_id or f'of {self.key}'}"

    @property
    def name(self) -> str:
        """Of its file: nothing of a vendor's goes into a path."""
        words = f"{self.provider}\n{self.key}\n{self.session_id}".encode()
        return f"{sha256(words).hexdigest()[:32]}{SUFFIX}"

    def is_orphan(self) -> bool:
        """The process that asked is gone; of another machine nobody here can say."""
        return self.host == socket.gethostname() and (
            abs(_started(self.pid) - self.started) > START_SLACK_S
        )

    def may_come(self) -> bool:
        """It was asked for so recently that it may not be there yet."""
        return time.time() < self.at + MAY_COME_S

    def is_over(self) -> bool:
        """Its vendor has ended it by now, whatever became of us."""
        until = self.at + KEPT_S if self.expires_at is None else self.expires_at + EXPIRED_S
        return time.time() > until


_ENTRY = TypeAdapter(Entry)


def default_folder() -> Path:
    """Our folder in the user's state."""
    base = os.environ.get("XDG_STATE_HOME", "")
    state = Path(base) if os.path.isabs(base) else Path.home() / ".local/state"
    return state / "avatar-core/ledger"


class Ledger:
    """The folder.

    A disk that is full or may not be written costs the record and nothing else, with one
    warning.

    Args:
        folder: Where; None keeps no record, as a room in memory needs none.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._warned = False

    def write(self, entry: Entry) -> None:
        """Note a purchase, or what is known of it by now."""
        if self.folder is None:
            return
        path = self.folder / entry.name
        new = path.with_suffix(f".{os.getpid()}.new")
        try:
            text = json.dumps(asdict(entry))
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(text)
            new.replace(path)
        except (OSError, TypeError, ValueError) as error:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            self._warn("cannot be written", error)

    def remove(self, entry: Entry) -> None:
        """It was ended, or never was; idempotent."""
        if self.folder is None:
            return
        try:
            (self.folder / entry.name).unlink(missing_ok=True)
        except OSError as error:
            self._warn("cannot be written", error)

    def entries(self) -> list[Entry]:
        """All that is written there, oldest first; what is none is left alone."""
        if self.folder is None:
            return []
        try:
            found = [_read(path) for path in self.folder.glob(f"*{SUFFIX}")]
        except OSError as error:
            self._warn("cannot be read", error)
            return []
        return sorted(filter(None, found), key=lambda entry: entry.at)

    def tidy(self) -> None:
        """Remove what processes left that were killed as they wrote."""
        if self.folder is not None:
            for path in self.folder.glob("*.new"):
                with suppress(OSError):  # its writer lives and has renamed it, or it may not be
                    if time.time() - path.stat().st_mtime > STALE_S:
                        path.unlink()

    def _warn(self, what: str, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "The ledger %s %s (%s): should this process be killed, `avatar reap` will not "
                "find what it leaves behind.",
                self.folder,
                what,
                error.strerror if isinstance(error, OSError) else type(error).__name__,
            )


def _read(path: Path) -> Entry | None:
    try:
        entry = _ENTRY.validate_json(path.read_bytes())
        if entry.name == path.name:
            return entry
    except FileNotFoundError:
        return None  # ended meanwhile
    except (OSError, ValidationError) as error:
        log.debug("%s: %s", path, type(error).__name__)
    log.warning("%s is no entry of the ledger, and is left alone.", path)
    return None


def _started(pid: int) -> float:
    """When a process began, Unix seconds; 0 where there is none."""
    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return 0.0
