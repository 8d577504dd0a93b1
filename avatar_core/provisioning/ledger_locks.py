"""Locks on ledger entries: a process holds one lock for each session that the process owns.

A pid has a meaning only in its own pid namespace, which a container does not share with its host.
Every namespace of the same kernel sees an `flock`, and the kernel releases the `flock` when its
holder dies.
"""

from __future__ import annotations

import os
import weakref
from contextlib import suppress
from pathlib import Path

from avatar_core import processes

try:
    import fcntl
except ModuleNotFoundError:  # Windows; there a session is owned by its pid alone
    fcntl = None  # type: ignore[assignment]


def lock_id(descriptor: int) -> str:
    """Return the id of the lock on an open file.

    If two processes get the same id, both processes see the same lock. The locks on two machines,
    on copies of a file, and on two mounts of a network file system have different ids.

    Args:
        descriptor: The open file.

    Returns:
        The id, which contains the boot id of the kernel, the device and the inode number of the
        file.
    """
    file = os.fstat(descriptor)
    return f"{processes.boot()} {file.st_dev} {file.st_ino}"


def is_held(descriptor: int) -> bool:
    """Return whether another open file holds the lock on the same file.

    Args:
        descriptor: The open file. While it stays open, nobody can take the lock.

    Returns:
        Whether another open file holds the lock. False if the file system has no locks.
    """
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # the file system has no locks
        return False
    return False


class LedgerLocks:
    """The locks that this process holds on entries.

    The locks end with this object, and with the process. A forked child does not keep the locks.
    """

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        """The name of the entry's file, by descriptor; empty while the file is being written."""
        _all.add(self)
        weakref.finalize(self, _close, self._names)

    def create(self, path: Path) -> int:
        """Create a file that only this user can read, to be locked.

        Args:
            path: The file, which must not exist.

        Returns:
            The open file. This object closes it, in `drop` or `release`.

        Raises:
            OSError: The file exists, or cannot be created.
        """
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._names[descriptor] = ""
        return descriptor

    def take(self, descriptor: int) -> str:
        """Take the lock on a file of `create`, before any other process looks at it.

        Args:
            descriptor: The open file.

        Returns:
            The id of the lock; empty if the file system has no locks.
        """
        with suppress(OSError):
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock_id(descriptor)
        return ""

    def keep(self, descriptor: int, name: str) -> None:
        """Keep the lock on a file until `release`, and release an earlier lock of the same name.

        Args:
            descriptor: The open file.
            name: The name that the file has from now on.
        """
        self.release(name)
        self._names[descriptor] = name

    def drop(self, descriptor: int) -> None:
        """Close a file that did not become an entry, and release its lock.

        Args:
            descriptor: The open file.
        """
        del self._names[descriptor]
        os.close(descriptor)

    def release(self, name: str) -> None:
        """Release the lock on an entry; idempotent.

        Args:
            name: The name of its file. The caller removes or replaces the file first, so that no
                reaper mistakes the file for the entry of a dead process.
        """
        for descriptor in [one for one, held in self._names.items() if held == name]:
            self.drop(descriptor)

    def forget(self) -> None:
        """Close the files in a forked child; its parent keeps the locks."""
        _close(self._names)


def _close(names: dict[int, str]) -> None:
    while names:
        with suppress(OSError):
            os.close(names.popitem()[0])


def _forget_all() -> None:
    for locks in list(_all):
        locks.forget()


_all: weakref.WeakSet[LedgerLocks] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
