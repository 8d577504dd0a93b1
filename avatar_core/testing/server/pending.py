"""A development server that starts when a test awaits or enters it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avatar_core.testing.server.server import DevServer


class PendingServer:
    """A server that starts when the caller awaits this object or enters it with `async with`.

    Leaving the `async with` block stops the server.

    Args:
        start: Starts the server and returns it once it accepts connections.
    """

    def __init__(self, start: Callable[[], Awaitable[DevServer]]) -> None:
        self._start = start
        self._server: DevServer | None = None

    def __await__(self) -> Generator[Any, None, DevServer]:
        return self._start().__await__()

    async def __aenter__(self) -> DevServer:
        self._server = await self._start()
        return self._server

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server:
            await self._server.stop()
