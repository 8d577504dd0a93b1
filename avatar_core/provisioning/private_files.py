"""Checks that no other user can write to a folder or a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 1024 * 1024
"""The size in bytes of the largest file that is read; a record has a few hundred bytes."""
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_SAFE_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""The flags to open a file without following a link, and without waiting for the writer of a
FIFO."""


class UntrustedError(OSError):
    """A folder or a file that another user can write to, or that is not a regular file."""


def check_folder(folder: Path) -> None:
    """Check that only this user can add files to a folder.

    Args:
        folder: The folder.

    Raises:
        UntrustedError: Another user owns the folder or can write to it; `strerror` says what to do.
        OSError: The folder does not exist, or cannot be looked up.
    """
    status = os.stat(folder)
    if why := _why_untrusted(status):
        advice = (
            f"run: chmod go-w {folder}"
            if _is_own(status)
            else "set AVATAR_LEDGER to a folder that you own, or run as the owner of the folder"
        )
        raise UntrustedError(0, f"{why}; {advice}")


@contextmanager
def open_private(path: Path) -> Iterator[BinaryIO]:
    """Open a file to read it, if only this user can write to it; never wait for another process.

    Args:
        path: The file.

    Yields:
        The open file, which has at most `MAX_BYTES`.

    Raises:
        UntrustedError: The path is a link, a FIFO or another special file, another user owns the
            file or can write to it, or the file is too long.
        OSError: The file cannot be opened.
    """
    with open(os.open(path, _SAFE_OPEN), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UntrustedError(0, "the path is not a regular file")
        if why := _why_untrusted(status):
            raise UntrustedError(0, why)
        if status.st_size > MAX_BYTES:
            raise UntrustedError(0, f"the file has more than {MAX_BYTES} bytes")
        yield file


def _is_own(status: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def _why_untrusted(status: os.stat_result) -> str:
    if os.name != "posix":
        return ""  # there permissions are not in the mode
    if not _is_own(status):
        return f"the owner is user {status.st_uid}, but this process runs as user {os.geteuid()}"
    if status.st_mode & _OTHERS_WRITE:
        return f"the mode {stat.S_IMODE(status.st_mode):04o} lets other users write to it"
    return ""
