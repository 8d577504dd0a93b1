"""The development livekit-server: starts in a moment, never outlives its user."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from avatar_core.contracts.errors import ServerError
from avatar_core.net import is_loopback
from avatar_core.testing.server import runs
from avatar_core.testing.server.config import write_config
from avatar_core.testing.server.find import Progress, find_server
from avatar_core.testing.server.ports import LOOPBACK, answers, free_ports, is_taken
from avatar_core.testing.server.starting import Starting

READY_TIMEOUT_S = 15.0

_PLAIN = ("ws", "http")
_POLL_S = 0.02
_GONE_POLL_S, _GONE_MISSES = 0.5, 3
_STOP_TIMEOUT_S = 5.0
_TRIES = 3  # a port that was free may be taken before the server binds it
_LOG_TAIL_LINES = 10
_WATCHDOG = Path(__file__).with_name("watchdog.py")
_PASSED_ON = ("HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR")


class DevServer:
    """A livekit-server to develop and test against.

    Made by `start` or `from_environment`, both of which can be awaited or entered:

        async with DevServer.start() as server:
            await room.connect(server.url, token(server.api_key, server.api_secret))

    It belongs to no event loop: it may be stopped in another one than it was started in.

    Attributes:
        url: Its WebSocket address.
        api_key: The name of its one key.
        api_secret: The secret of that key; never shown by `repr`.
        log_path: Its log, kept after its end; None for a server that we did not start.
        pids: Its process and its watchdog's; None for a server that we did not start.
    """

    def __init__(self, url: str, api_key: str, api_secret: str) -> None:
        self.url = url
        self.api_key = api_key
        self.api_secret = api_secret
        self.log_path: Path | None = None
        self.pids: runs.Pids | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"DevServer(url={self.url!r}, log_path={str(self.log_path)!r})"

    @classmethod
    def start(cls, *, port: int | None = None, progress: Progress | None = None) -> Starting:
        """Start a server of our own.

        Args:
            port: The TCP port to insist on; a free one otherwise.
            progress: Gets one human line per step, if a server must be built first.

        Raises:
            ServerError: No binary, the port is taken, or the server did not start.
        """
        return Starting(lambda: cls._start(port, progress))

    @classmethod
    def from_environment(
        cls,
        *,
        port: int | None = None,
        progress: Progress | None = None,
        allow_remote: bool = False,
    ) -> Starting:
        """Use the server of LIVEKIT_URL if it is on loopback, or start one.

        `stop` leaves a server that we did not start alone.

        Args:
            port: As in `start`.
            progress: As in `start`.
            allow_remote: Use LIVEKIT_URL whatever its host is.

        Raises:
            ServerError: As in `start`, or the server of LIVEKIT_URL cannot be used.
        """

        async def begin() -> DevServer:
            running = await cls._running(allow_remote)
            return running or await cls._start(port, progress)

        return Starting(begin)

    async def stop(self) -> None:
        """End the server, if it is ours. May be called again."""
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is None:
            return
        assert watchdog.stdin is not None
        watchdog.stdin.close()
        try:
            await asyncio.to_thread(watchdog.wait, _STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            watchdog.kill()
            await asyncio.to_thread(watchdog.wait)

    async def gone(self) -> ServerError:
        """Wait until the server answers no more, with or without an end of ours; what to say then.

        One that is reached over TLS is not watched: this never returns.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in _PLAIN:
            await asyncio.Event().wait()
        misses = 0
        while misses < _GONE_MISSES:
            await asyncio.sleep(_GONE_POLL_S)
            misses = 0 if await answers(parts.hostname or "", parts.port or 80) else misses + 1
        log = f" Its log is {self.log_path}." if self.log_path else ""
        return ServerError(f"livekit-server at {self.url} is gone.", hint=f"Begin again.{log}")

    @classmethod
    async def _running(cls, allow_remote: bool) -> DevServer | None:
        url, key, secret = (
            os.environ.get(f"LIVEKIT_{name}", "") for name in ("URL", "API_KEY", "API_SECRET")
        )
        parts = urlsplit(url)
        local = is_loopback(parts.hostname or "")
        if not url or not (local or allow_remote):
            return None
        if not (key and secret):
            if local:
                return None
            raise ServerError(
                f"LIVEKIT_URL is {url}, and its key is missing.",
                hint="Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET too.",
            )
        host, plain = parts.hostname or "", parts.scheme in _PLAIN
        if local and plain and not await answers(host, parts.port or 80):
            raise ServerError(
                f"LIVEKIT_URL is {url}, and no livekit-server answers there.",
                hint="Start it, or unset LIVEKIT_URL to get one started.",
            )
        return cls(url, key, secret)

    @classmethod
    async def _start(cls, port: int | None, progress: Progress | None) -> DevServer:
        await asyncio.to_thread(runs.sweep)
        binary = await find_server(progress)
        for tries_left in reversed(range(1 if port else _TRIES)):
            if port and is_taken(port):
                raise _taken(port)
            free_port, udp_port = free_ports()
            server = cls(f"ws://{LOOPBACK}:{port or free_port}", "devkey", secrets.token_hex(24))
            run_dir = server._spawn(binary, port or free_port, udp_port)
            try:
                await server._ready(port or free_port)
                server.pids = runs.read_pids(run_dir)
            except ServerError:
                await server.stop()
                if port and is_taken(port):
                    raise _taken(port) from None
                if not tries_left or "address already in use" not in server._log_tail():
                    raise
            except BaseException:
                await server.stop()
                raise
            else:
                return server
        raise AssertionError("unreachable")

    def _spawn(self, binary: Path, port: int, udp_port: int) -> Path:
        run_dir = runs.new_run_dir()
        self.log_path = runs.new_log("livekit-server", run_dir.name)
        try:
            write_config(
                run_dir / "config.yaml",
                port=port,
                udp_port=udp_port,
                api_key=self.api_key,
                api_secret=self.api_secret,
            )
            with self.log_path.open("ab") as log:
                self._watchdog = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-IS", _WATCHDOG, str(os.getpid()), run_dir, binary],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                    start_new_session=True,
                )
        except BaseException:
            shutil.rmtree(run_dir, ignore_errors=True)
            raise
        return run_dir

    async def _ready(self, port: int) -> None:
        assert self._watchdog is not None
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while self._watchdog.poll() is None:
                    if await answers(LOOPBACK, port) and self._watchdog.poll() is None:
                        return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            failure = f"did not answer on port {port} within {READY_TIMEOUT_S:.0f} s"
        else:
            failure = "ended while it was starting"
        raise ServerError(
            f"livekit-server {failure}. Its last lines:\n{self._log_tail()}\n",
            hint=f"The whole log is {self.log_path}.",
        )

    def _log_tail(self) -> str:
        assert self.log_path is not None
        lines = self.log_path.read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_TAIL_LINES:])


def _taken(port: int) -> ServerError:
    return ServerError(f"port {port} is taken.", hint="Choose another port, or none.")
