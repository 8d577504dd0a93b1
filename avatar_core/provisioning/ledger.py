"""The ledger: paid sessions that have not ended, recorded where any process finds them.

One file for each session, in one folder: written whole under another name, synchronised with
the disk, then renamed, so that no reader, crash or power cut meets half of it. It holds ids and
what `release` needs, never a key or a token, and only its user may read it.
"""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from avatar_core.provisioning.ledger_entry import SUFFIX, LedgerEntry

log = logging.getLogger("avatar_core")

STALE_S = 60.0

_ENTRY = TypeAdapter(LedgerEntry)


def default_folder() -> Path | None:
    """Our folder in the user's state; None, with a warning, where the user has none."""
    base = os.environ.get("XDG_STATE_HOME", "")
    try:
        state = Path(base) if os.path.isabs(base) else Path.home() / ".local/state"
    except RuntimeError:
        log.warning("This user has no home: no ledger is kept. Set AVATAR_LEDGER to a folder.")
        return None
    return state / "avatar-core/ledger"


class Ledger:
    """The folder.

    A disk that is full or may not be written costs the record and nothing else, with one
    warning.

    Args:
        folder: Where; None keeps no record, as a room in memory needs none.

    Attributes:
        fault: What is wrong with the folder, empty while nothing is.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.fault = ""

    def write(self, entry: LedgerEntry) -> bool:
        """Note a purchase, or what is known of it by now; False where that cannot be."""
        if self.folder is None:
            return False
        path = self.folder / entry.name
        new = path.with_suffix(f".{os.getpid()}.new")
        try:
            text = json.dumps(asdict(entry))
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            _sync_folder(self.folder)
            return True
        except (OSError, TypeError, ValueError) as error:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            self._warn("cannot be written", error)
            return False

    def remove(self, entry: LedgerEntry) -> None:
        """It was ended, or never was; idempotent."""
        if self.folder is None:
            return
        try:
            (self.folder / entry.name).unlink(missing_ok=True)
        except OSError as error:
            self._warn("cannot be written", error)

    def entries(self) -> list[LedgerEntry]:
        """All that is written there, oldest first; what is none is left alone."""
        if self.folder is None:
            return []
        try:
            with os.scandir(self.folder) as files:  # a glob keeps still where it may not look
                found = [_read(Path(file)) for file in files if file.name.endswith(SUFFIX)]
        except FileNotFoundError:
            return []
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
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        fault = f"The ledger {self.folder} {what} ({why})"
        if not self.fault:
            log.warning(
                "%s: should this process be killed, `avatar reap` will not find what it leaves "
                "behind.",
                fault,
            )
        self.fault = fault


def _sync_folder(folder: Path) -> None:
    """Make the folder's own entries durable; only POSIX systems can open a folder for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read(path: Path) -> LedgerEntry | None:
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
