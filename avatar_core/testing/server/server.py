"""A livekit-server for development and tests, which ends with the process that started it."""

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
from avatar_core.testing.server.pending import PendingServer
from avatar_core.testing.server.ports import LOOPBACK, find_free_ports, is_server_up, is_taken

READY_TIMEOUT_S = 15.0

_UNENCRYPTED = ("ws", "http")
_POLL_S = 0.02
_LOSS_POLL_S, _LOSS_MISSES = 0.5, 3  # lost after three failed checks in a row
_STOP_TIMEOUT_S = 5.0
_TRIES = 3  # another process may take a free port before the server binds it
_LOG_TAIL_LINES = 10
_WATCHDOG = Path(__file__).with_name("watchdog.py")
_INHERITED_VARIABLES = ("HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR")


class DevServer:
    """A livekit-server for development and tests.

    `start` and `from_environment` return an object that a test can await or enter:

        async with DevServer.start() as server:
            await room.connect(server.url, token(server.api_key, server.api_secret))

    A server is not bound to an event loop: a test may start the server on one loop and stop it on
    another.

    Args:
        url: The WebSocket URL of a running server.
        api_key: An API key of the server.
        api_secret: The secret of the key.

    Attributes:
        url: The WebSocket URL of the server.
        api_key: An API key of the server.
        api_secret: The secret of the key; `repr` does not show it.
        log_path: The log of the server, which stays after the server has ended; None if this object
            did not start the server.
        pids: The process ids of server and watchdog; None if this object did not start the server.
        udp_port: The UDP port for media; 0 if this object did not start the server.
    """

    def __init__(self, url: str, api_key: str, api_secret: str) -> None:
        self.url = url
        self.api_key = api_key
        self.api_secret = api_secret
        self.log_path: Path | None = None
        self.pids: runs.Pids | None = None
        self.udp_port = 0
        self._watchdog: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"DevServer(url={self.url!r}, log_path={str(self.log_path)!r})"

    @classmethod
    def start(
        cls,
        *,
        port: int | None = None,
        progress: Progress | None = None,
        media_ip: str = LOOPBACK,
    ) -> PendingServer:
        """Start a new server.

        Args:
            port: The TCP port of the server; None selects a free port.
            progress: Called with one line of text for each step, if a server must be built first.
            media_ip: The loopback address to which clients send media. At another address than
                127.0.0.1, a relay must pass the packets on to the server's `udp_port`.

        Returns:
            An object that starts the server when it is awaited or entered.

        Raises:
            ServerError: Awaiting the object raises it: no binary was found or built, the port is in
                use, or the server did not respond within 15 s.
            OSError: Awaiting the object raises it: a folder or a file in the cache cannot be
                written.
        """
        return PendingServer(lambda: cls._start(port, progress, media_ip))

    @classmethod
    def from_environment(
        cls,
        *,
        port: int | None = None,
        progress: Progress | None = None,
        allow_remote: bool = False,
    ) -> PendingServer:
        """Use the server of LIVEKIT_URL if it is on loopback; otherwise start a new server.

        `stop` does not end a server that was found through LIVEKIT_URL.

        Args:
            port: The TCP port of a new server; None selects a free port.
            progress: Called with one line of text for each step, if a server must be built first.
            allow_remote: Whether to use the server of LIVEKIT_URL even if it is not on loopback.

        Returns:
            An object that finds or starts the server when it is awaited or entered.

        Raises:
            ServerError: Awaiting the object raises it: the key of LIVEKIT_URL is missing, the
                server of LIVEKIT_URL does not respond, or a new server cannot start, as in `start`.
            OSError: Awaiting the object raises it: a folder or a file in the cache cannot be
                written.
        """

        async def find_or_start() -> DevServer:
            """Use the server of LIVEKIT_URL, or start a new server.

            Returns:
                The running server.

            Raises:
                ServerError: Neither is possible, as `from_environment` describes.
                OSError: A folder or a file in the cache cannot be written.
            """
            running = await cls._find_running(allow_remote)
            return running or await cls._start(port, progress)

        return PendingServer(find_or_start)

    async def stop(self) -> None:
        """End the server if this object started it; idempotent."""
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

    async def wait_until_lost(self) -> ServerError:
        """Wait until the server no longer responds to three checks, 0.5 s apart.

        The method does not check a server that it reaches over TLS, and never returns for such a
        server.

        Returns:
            The error to report; its hint names the log of the server.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in _UNENCRYPTED:
            await asyncio.Event().wait()
        misses = 0
        while misses < _LOSS_MISSES:
            await asyncio.sleep(_LOSS_POLL_S)
            misses = 0 if await is_server_up(parts.hostname or "", parts.port or 80) else misses + 1
        log = f" The server's log is {self.log_path}." if self.log_path else ""
        return ServerError(
            f"The livekit-server at {self.url} no longer responds.",
            hint=f"Start the server again.{log}",
        )

    @classmethod
    async def _find_running(cls, allow_remote: bool) -> DevServer | None:
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
                f"LIVEKIT_URL is {url}, but its API key or secret is missing.",
                hint="Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET too.",
            )
        host, unencrypted = parts.hostname or "", parts.scheme in _UNENCRYPTED
        if local and unencrypted and not await is_server_up(host, parts.port or 80):
            raise ServerError(
                f"LIVEKIT_URL is {url}, but no livekit-server responds at that address.",
                hint="Start that server, or unset LIVEKIT_URL so that a new one is started.",
            )
        return cls(url, key, secret)

    @classmethod
    async def _start(
        cls, port: int | None, progress: Progress | None, media_ip: str = LOOPBACK
    ) -> DevServer:
        await asyncio.to_thread(runs.sweep)
        binary = await find_server(progress)
        for tries_left in reversed(range(1 if port else _TRIES)):
            if port and is_taken(port):
                raise _port_in_use(port)
            free_port, udp_port = find_free_ports()
            server = cls(f"ws://{LOOPBACK}:{port or free_port}", "devkey", secrets.token_hex(24))
            server.udp_port = udp_port
            run_dir = server._spawn(binary, port or free_port, media_ip)
            try:
                await server._wait_until_up(port or free_port)
                server.pids = runs.read_pids(run_dir)
            except ServerError:
                await server.stop()
                if port and is_taken(port):
                    raise _port_in_use(port) from None
                if not tries_left or "address already in use" not in server._log_tail():
                    raise
            except BaseException:
                await server.stop()
                raise
            else:
                return server
        raise AssertionError("The last attempt to start the server neither returned nor raised.")

    def _spawn(self, binary: Path, port: int, media_ip: str) -> Path:
        run_dir = runs.create_run_dir()
        self.log_path = runs.create_log("livekit-server", run_dir.name)
        try:
            write_config(
                run_dir / "config.yaml",
                port=port,
                udp_port=self.udp_port,
                api_key=self.api_key,
                api_secret=self.api_secret,
                media_ip=media_ip,
            )
            with self.log_path.open("ab") as log:
                self._watchdog = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-IS", _WATCHDOG, str(os.getpid()), run_dir, binary],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env={
                        name: os.environ[name]
                        for name in _INHERITED_VARIABLES
                        if name in os.environ
                    },
                    start_new_session=True,
                )
        except BaseException:
            shutil.rmtree(run_dir, ignore_errors=True)
            raise
        return run_dir

    async def _wait_until_up(self, port: int) -> None:
        assert self._watchdog is not None
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while self._watchdog.poll() is None:
                    if await is_server_up(LOOPBACK, port) and self._watchdog.poll() is None:
                        return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            failure = f"did not respond on port {port} within {READY_TIMEOUT_S:.0f} s"
        else:
            failure = "exited while it was starting"
        raise ServerError(
            f"The start of livekit-server failed: the server {failure}. The last lines of its "
            f"log:\n{self._log_tail()}\n",
            hint=f"Read the whole log: {self.log_path}.",
        )

    def _log_tail(self) -> str:
        assert self.log_path is not None
        lines = self.log_path.read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_TAIL_LINES:])


def _port_in_use(port: int) -> ServerError:
    return ServerError(
        f"Port {port} is already in use.", hint="Choose another port, or let the server choose one."
    )
