"""One session of a plugin: from its constructor to the end of everything that it registered."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from typing import Any

from livekit.agents.utils import http_context
from livekit.agents.voice import io
from livekit.agents.voice.avatar import DataStreamAudioOutput

from avatar_core.agents.bridge.closing import close_stock
from avatar_core.agents.bridge.job_proxy import JobProxy, set_job
from avatar_core.agents.bridge.plugins import facts_of
from avatar_core.agents.bridge.room_proxy import RoomProxy
from avatar_core.agents.bridge.session_proxy import SessionProxy
from avatar_core.agents.bridge.stray import wait_for_stray
from avatar_core.agents.bridge.surroundings import Surroundings
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError, UnavailableError
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest

log = logging.getLogger("avatar_core")

RUN = "run"
"""The key in `ProvisionedAvatar.state` of the identity by which the provider finds its run."""
SESSION_IDS = (
    "conversation_id",
    "session_id",
    "_session_id",
    "_realtime_session_id",
    "provider_session_id",
)
"""The attributes in which the plugins keep the vendor's id of the session."""
LOOK_S = 0.02
"""Seconds between two looks for the id while the plugin starts."""
STOP_S = 1.0
"""Seconds in which a cancelled `start` may end."""
CLOSE_S, CLOSE_HTTP_S = 2.0, 0.5
"""Seconds that `aclose` of the plugin, and the end of its HTTP client, may take."""
HANDLER_TABLES = ("_playback_finished_handlers", "_playback_started_handlers")
"""Class attributes of `DataStreamAudioOutput` with handlers by identity (livekit-agents 1.8.9)."""


class PluginRun:
    """One session of a plugin, with the proxies that the plugin uses in place of the real objects.

    The plugin runs in a context of its own, in which the proxy of the job is the current job.

    Args:
        plugin: The name of the plugin, for messages.
        around: The agent session, the room and the LiveKit server.
        request: The request of avatar-core.

    Attributes:
        stock: The plugin's `AvatarSession`; None until the constructor has returned.
        output: The audio output that the plugin set; None if it has set none.
    """

    def __init__(self, plugin: str, around: Surroundings, request: ProvisionRequest) -> None:
        self._plugin = plugin
        self._around = around
        self._request = request
        self._context = copy_context()
        self._room: RoomProxy | None = None
        self._http: AbstractAsyncContextManager[object] | None = None
        self._session = SessionProxy(around.session, self._capture)
        self._starting: asyncio.Task[Any] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._replaced = 0
        self._claimed = ""
        self._stray = ""
        max_session_s = facts_of(plugin.partition(":")[2]).max_session_s
        self._expires_at = time.time() + max_session_s if max_session_s else None
        self.stock: Any = None
        self.output: io.AudioOutput | None = None

    @property
    def identity(self) -> str:
        """The identity of the avatar's participant, as the plugin states it."""
        return str(self.stock.avatar_identity or self._request.identity)

    async def start(self, construct: Callable[[], Any]) -> ProvisionedAvatar:
        """Create the plugin's session object, start it, and claim its session id.

        Args:
            construct: Creates the plugin's `AvatarSession`.

        Returns:
            The record of the session.

        Raises:
            Exception: The plugin raised the exception, or started no avatar.
        """
        self._job = JobProxy(self._around.link)
        set_job(self._context, self._job)
        self._starting = self._create_task(self._start(construct), "start")
        while not self._starting.done():
            await asyncio.wait({self._starting}, timeout=LOOK_S)
            self._claim()
        self._starting.result()
        if self.output is None:
            raise UnavailableError(
                "the plugin returned without an avatar: it set no audio output.",
                hint="Read the log of the plugin: it may have logged an error of its vendor.",
            )
        if self._replaced > 1:
            raise UnavailableError(
                f"the plugin replaced the audio output {self._replaced} times.",
                hint="The bridge supports plugins with one audio output. Use a native provider.",
            )
        return self._record(self._find_id() or self._request.identity)

    async def call(self, method: Callable[..., Awaitable[Any]], arguments: dict[str, Any]) -> Any:
        """Call an async method of the plugin in the plugin's context.

        Args:
            method: The method of `stock`.
            arguments: Its named arguments.

        Returns:
            The result of the method.

        Raises:
            Exception: The plugin raised the exception.
        """

        async def run() -> Any:
            """Await the method.

            Returns:
                The result of the method.
            """
            return await method(**arguments)

        return await self._create_task(run(), "command")

    def connect_output(self) -> None:
        """Let the audio output of the plugin use the room, after the avatar has joined."""
        if self._room is not None:
            self._context.run(self._room.connect_sink, self.output)

    async def wait_for_stray(self) -> str:
        """Wait until an avatar of this agent joins under another identity than the plugin stated.

        Returns:
            The reason why the session cannot be used.
        """
        self._stray = await wait_for_stray(self._around.link, self.identity)
        return f"the avatar of the plugin joined as {self._stray}, and not as {self.identity}"

    async def aclose(self) -> None:
        """Close the plugin, and remove everything that it registered; idempotent.

        The method does not raise. It logs a plugin that does not close.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name=f"{self._plugin}-close")
        await asyncio.shield(self._closing)

    async def _start(self, construct: Callable[[], Any]) -> None:
        around, request = self._around, self._request
        if around.livekit is None:
            raise ConfigError(
                "the plugin needs LiveKit's API key to sign the avatar's room token.",
                hint="Set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
                code=ErrorCode.MISSING_SETTING,
            )
        self._http = http_context.open()
        await self._http.__aenter__()
        self.stock = construct()
        self._room = self._job.room = RoomProxy(around.link, around.room, self.identity)
        await self.stock.start(
            self._session,
            self._room,
            livekit_url=request.livekit_url,
            livekit_api_key=around.livekit.api_key.get_secret_value(),
            livekit_api_secret=around.livekit.api_secret.get_secret_value(),
        )

    async def _close(self) -> None:
        problem = ""
        try:
            if self._starting is not None and not self._starting.done():
                self._starting.cancel()
                await asyncio.wait({self._starting}, timeout=STOP_S)
            if self._room is not None:
                self._room.connected = False  # so that the plugin leaves the avatar to avatar-core
            self._context.run(self._session.notify_close)
            if self.stock is not None:
                problem = await self._close_stock()
        finally:
            self._session.close()
            if self._room is not None:
                self._room.close()
            self._forget_handlers()
            await self._finish(self._close_http(), "http", CLOSE_HTTP_S)
        if self._stray:
            await self._around.remove(self._around.link.room_name, self._stray)
        if problem:
            log.warning(
                "The plugin %s did not close: %s. avatar-core removes its avatar from the room. "
                "End the session %s on the vendor's site.",
                self._plugin,
                problem,
                self._claimed or self._request.key,
            )

    async def _close_stock(self) -> str:
        closing = await self._finish(close_stock(self.stock), "aclose", CLOSE_S)
        if not closing.done() or closing.cancelled():
            return f"aclose did not return within {CLOSE_S:g} s"
        error = closing.exception()
        return "" if error is None else f"aclose raised {type(error).__name__}"

    async def _finish(
        self, work: Coroutine[Any, Any, Any], name: str, limit_s: float
    ) -> asyncio.Task[Any]:
        """Run work in the plugin's context, and cancel it after `limit_s` seconds."""
        task = self._create_task(work, name)
        await asyncio.wait({task}, timeout=limit_s)
        task.cancel()
        return task

    async def _close_http(self) -> None:
        opened, self._http = self._http, None
        if opened is not None:
            await opened.__aexit__(None, None, None)

    def _create_task(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=f"{self._plugin}-{name}", context=self._context)
        task.add_done_callback(_note_error)
        return task

    def _capture(self, sink: io.AudioOutput) -> None:
        if self._starting is None or not self._starting.done():
            self._replaced += 1
            self.output = sink
        else:
            log.warning(
                "The plugin %s replaced the audio output of the agent after its start. avatar-core "
                "ignores the new output.",
                self._plugin,
            )

    def _find_id(self) -> str:
        for name in SESSION_IDS:
            value = getattr(self.stock, name, None)
            if isinstance(value, str) and value:
                return value
        return ""

    def _claim(self) -> None:
        found = self._find_id()
        if found and found != self._claimed:
            self._claimed = found
            self._request.claim(self._record(found))

    def _record(self, session_id: str) -> ProvisionedAvatar:
        rate_hz = self.output.sample_rate if self.output is not None else None
        destination = getattr(self.output, "_destination_identity", "") or ""
        return ProvisionedAvatar(
            session_id=session_id,
            identity=self.identity,
            audio_identity="" if destination == self.identity else destination,
            audio=AudioFormat(rate_hz) if rate_hz else None,
            expires_at=self._expires_at,
            state={RUN: self._request.identity},
        )

    def _forget_handlers(self) -> None:
        """Remove the handlers that the class of a driven output keeps for this avatar."""
        if isinstance(self.output, DataStreamAudioOutput):
            for table in HANDLER_TABLES:
                handlers = getattr(type(self.output), table, None)
                if isinstance(handlers, dict):
                    handlers.pop(self.output._destination_identity, None)


def _note_error(task: asyncio.Task[Any]) -> None:
    """Retrieve the exception of a task, so that asyncio does not log it once more."""
    if not task.cancelled():
        task.exception()
