"""The ledger: a folder with one file for each paid session that has not ended.

Any process of the same user can read the ledger and end a session. The ledger writes a file under a
temporary name, flushes the file to the disk, and then renames it, so that a crash or a power cut
leaves no incomplete entry. A file contains ids and the data that `release` needs, but neither keys
nor tokens. Only the user who owns the ledger can read the files. The process that owns a session
holds a lock on the file.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from avatar_core.provisioning.ledger_entry import SUFFIX, LedgerEntry
from avatar_core.provisioning.ledger_locks import LedgerLocks, is_held, lock_id
from avatar_core.provisioning.private_files import UntrustedError, check_folder, open_private

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
        self._locks = LedgerLocks()

    def write(self, ledger_entry: LedgerEntry) -> bool:
        """Write an entry to the disk, and replace an earlier entry of the same session.

        If the session belongs to this process, this object holds a lock on the entry from now on.

        Args:
            ledger_entry: The entry.

        Returns:
            Whether the entry was written.
        """
        if self.folder is None:
            return False
        path = self.folder / ledger_entry.file_name
        new = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}.new")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = self._locks.create(new)
            try:
                lock = self._locks.take(descriptor) if ledger_entry.is_ours() else ""
                _write_file(descriptor, json.dumps(asdict(replace(ledger_entry, lock=lock))))
                new.replace(path)
            except BaseException:
                self._locks.drop(descriptor)
                with suppress(OSError):
                    new.unlink()
                raise
            self._locks.keep(descriptor, path.name)
            if not lock:
                self._locks.release(path.name)
            _sync_folder(self.folder)
            return True
        except (OSError, TypeError, ValueError) as error:
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
        self._locks.release(ledger_entry.file_name)

    def supersede(self, pending: LedgerEntry, provisioned: LedgerEntry) -> None:
        """Remove the entry of a request, if the entry of its session is on the disk.

        Args:
            pending: The entry of the request.
            provisioned: The entry of the session that the request created.
        """
        if self.folder is not None and (self.folder / provisioned.file_name).exists():
            self.remove(pending)

    def read_all(self) -> list[LedgerEntry]:
        """Read all entries. Log a warning for each file that is not an entry, and skip the file.

        Returns:
            The entries, the oldest request first. The list is empty if the folder cannot be
            read, or if another user can write to it; `problem` then contains the reason.
        """
        if self.folder is None:
            return []
        try:
            check_folder(self.folder)
            with os.scandir(self.folder) as files:  # a glob hides a permission error
                found = [_read(Path(file)) for file in files if file.name.endswith(SUFFIX)]
        except FileNotFoundError:
            return []
        except OSError as error:
            is_refused = isinstance(error, UntrustedError)
            self._warn("is not read" if is_refused else "cannot be read", error)
            return []
        return sorted(filter(None, found), key=lambda one: one.at)

    def is_orphan(self, ledger_entry: LedgerEntry) -> bool:
        """Return whether no process owns the session of an entry, so that it must be ended.

        Args:
            ledger_entry: The entry. The method reads the entry again, because its owner may have
                replaced it.

        Returns:
            Whether no process owns the session. False if the entry was removed meanwhile, because
            the session has ended.
        """
        if self.folder is None:
            return False
        path = self.folder / ledger_entry.file_name
        while True:
            try:
                with open_private(path) as file:
                    if is_held(file.fileno()):
                        return False
                    current = _JSON.validate_json(file.read())
                    free_lock = lock_id(file.fileno())
                    if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                        return current.is_orphan(free_lock)
            except (OSError, ValidationError):  # it was removed, because its session has ended
                return False

    def tidy(self) -> None:
        """Remove the temporary files of processes that were killed while they wrote an entry."""
        if self.folder is not None:
            for path in self.folder.glob("*.new"):
                with suppress(OSError):  # the writer has renamed the file, or another user owns it
                    if time.time() - path.stat().st_mtime > STALE_S:
                        path.unlink()

    def report_hang(self, limit_s: float) -> None:
        """Log once, and note in `problem`, that the file system does not respond.

        Args:
            limit_s: Seconds that an operation has waited.
        """
        self._warn_once(f"The ledger {self.folder} did not respond within {limit_s:g} s")

    def _warn(self, what: str, error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        self._warn_once(f"The ledger {self.folder} {what} ({why})")

    def _warn_once(self, problem: str) -> None:
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


def _write_file(descriptor: int, text: str) -> None:
    with open(descriptor, "w", closefd=False) as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _read(path: Path) -> LedgerEntry | None:
    try:
        with open_private(path) as file:
            ledger_entry = _JSON.validate_json(file.read())
        if ledger_entry.file_name == path.name:
            return ledger_entry
    except FileNotFoundError:
        return None  # removed meanwhile
    except OSError as error:
        log.warning("avatar-core ignores the ledger file %s (%s).", path, error.strerror)
        return None
    except ValidationError as error:
        log.debug("The ledger file %s cannot be read (%s).", path, type(error).__name__)
    log.warning("The file %s is not a ledger entry, and avatar-core ignores it.", path)
    return None
