"""The ledger: a folder with one file for each paid session that has not ended.

Any process of the same user can read the ledger and end a session. The ledger writes a file under a
temporary name, flushes the file to the disk, and then renames it, so that a crash or a power cut
leaves no incomplete entry. A file contains ids and the data that `release` needs, but neither keys
nor tokens. Only the user who owns the ledger can read the files.
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
"""Seconds after which a temporary file counts as left behind by a killed process."""

_JSON = TypeAdapter(LedgerEntry)


def default_folder() -> Path | None:
    """Return the default folder of the ledger: `avatar-core/ledger` in the user's state directory.

    The state directory is `XDG_STATE_HOME` if that is an absolute path, or else `~/.local/state`.

    Returns:
        The folder. None if the user has no home directory; the function then logs a warning.
    """
    base = os.environ.get("XDG_STATE_HOME", "")
    try:
        state = Path(base) if os.path.isabs(base) else Path.home() / ".local/state"
    except RuntimeError:
        log.warning(
            "This user has no home directory, so avatar-core does not record paid sessions. Set "
            "AVATAR_LEDGER to a folder."
        )
        return None
    return state / "avatar-core/ledger"


class Ledger:
    """A folder of ledger entries.

    The methods do not raise errors of the disk. The ledger logs the first such error as a warning,
    and continues without the entry.

    Args:
        folder: The folder. With None the ledger stores nothing, as for a room in memory.

    Attributes:
        folder: The folder, or None.
        problem: The last error of the folder, as a sentence without a full stop; empty if no error
            has occurred.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.problem = ""

    def write(self, ledger_entry: LedgerEntry) -> bool:
        """Write an entry to the disk, and replace an earlier entry of the same session.

        Args:
            ledger_entry: The entry.

        Returns:
            Whether the entry was written.
        """
        if self.folder is None:
            return False
        path = self.folder / ledger_entry.file_name
        new = path.with_suffix(f".{os.getpid()}.new")
        try:
            text = json.dumps(asdict(ledger_entry))
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

    def remove(self, ledger_entry: LedgerEntry) -> None:
        """Remove the entry of a session that has ended or was never created.

        The method does nothing if the folder has no such entry.

        Args:
            ledger_entry: The entry.
        """
        if self.folder is None:
            return
        try:
            (self.folder / ledger_entry.file_name).unlink(missing_ok=True)
        except OSError as error:
            self._warn("cannot be written", error)

    def read_all(self) -> list[LedgerEntry]:
        """Read all entries. Log a warning for each file that is not an entry, and skip the file.

        Returns:
            The entries, the oldest request first. The list is empty if the folder cannot be read;
            `problem` then contains the reason.
        """
        if self.folder is None:
            return []
        try:
            with os.scandir(self.folder) as files:  # a glob hides a permission error
                found = [_read(Path(file)) for file in files if file.name.endswith(SUFFIX)]
        except FileNotFoundError:
            return []
        except OSError as error:
            self._warn("cannot be read", error)
            return []
        return sorted(filter(None, found), key=lambda one: one.at)

    def tidy(self) -> None:
        """Remove the temporary files of processes that were killed while they wrote an entry."""
        if self.folder is not None:
            for path in self.folder.glob("*.new"):
                with suppress(OSError):  # the writer has renamed the file, or another user owns it
                    if time.time() - path.stat().st_mtime > STALE_S:
                        path.unlink()

    def _warn(self, what: str, error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        problem = f"The ledger {self.folder} {what} ({why})"
        if not self.problem:
            log.warning(
                "If this process is killed, `avatar reap` will not find its paid sessions: %s.",
                problem,
            )
        self.problem = problem


def _sync_folder(folder: Path) -> None:
    """Flush the renames in a folder to the disk; only POSIX systems can open a folder."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read(path: Path) -> LedgerEntry | None:
    try:
        ledger_entry = _JSON.validate_json(path.read_bytes())
        if ledger_entry.file_name == path.name:
            return ledger_entry
    except FileNotFoundError:
        return None  # removed meanwhile
    except (OSError, ValidationError) as error:
        log.debug("The ledger file %s cannot be read (%s).", path, type(error).__name__)
    log.warning("The file %s is not a ledger entry, and avatar-core ignores it.", path)
    return None
