"""A server that is about to start: await it, or enter it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avatar_core.testing.server.server import DevServer


class Starting:
    """A server that is about to start: await it, or enter it."""

    def __init__(self, begin: Callable[[], Awaitable[DevServer]]) -> None:
        self._begin = begin
        self._server: DevServer | None = None

    def __await__(self) -> Generator[Any, None, DevServer]:
        return self._begin().__await__()

    async def __aenter__(self) -> DevServer:
        self._server = await self._begin()
        return self._server

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server:
            await self._server.stop()
