"""Tasks that outlive their caller, and calls into code of others that must not hurt us."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from avatar_core.contracts.errors import AvatarError, ProtocolError

log = logging.getLogger("avatar_core")

RELEASE_S = 4.0
"""The most that closing a part, or ending a session, may take."""
REPORT = "This is a bug of the provider package. Report it to its author."

T = TypeVar("T")


class BackgroundTasks:
    """Runs work that must go on after its caller has returned or was cancelled."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def running(self) -> set[asyncio.Task[Any]]:
        """The tasks that have not ended yet."""
        return set(self._running)

    def start(self, work: Coroutine[Any, Any, object], name: str) -> asyncio.Task[Any]:
        """Run `work` in a task; log an `AvatarError` that it raises.

        Args:
            work: What to run.
            name: The name of its task.

        Returns:
            The task. Its result is None if the work raised an `AvatarError`.
        """

        async def run() -> object:
            try:
                return await work
            except AvatarError as error:
                log.warning("%s", error)
                return None

        task = asyncio.create_task(run(), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


class Closable(Protocol):
    """Something with an `aclose` of its own."""

    async def aclose(self) -> None:
        """Release what it holds."""


async def call_provider(work: Awaitable[T]) -> T:
    """Await code of a provider package.

    Raises:
        RuntimeError: The code cancelled itself, although nobody had cancelled our task.
    """
    try:
        return await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError("it cancelled itself") from error


async def close_quietly(part: Closable, within_s: float = RELEASE_S) -> None:
    """Close a part within `within_s` seconds; log what it raises."""
    try:
        async with asyncio.timeout(within_s):
            await call_provider(part.aclose())
    except Exception as error:
        what = type(part).__name__
        log.warning("%s could not be closed (%s: %s).", what, type(error).__name__, error)


def notify(listener: Callable[..., object], *args: object) -> None:
    """Call a listener; log what it raises, so that it cannot stop its caller."""
    try:
        listener(*args)
    except (Exception, asyncio.CancelledError):  # from a future it read: there is no await here
        name = getattr(listener, "__qualname__", repr(listener))
        where = getattr(listener, "__module__", "?")
        log.exception("The listener %s.%s raised; the conversation goes on.", where, name)


def provider_bug(what: str, provider: str = "") -> ProtocolError:
    """Build the error for a provider package that breaks its contract."""
    return ProtocolError(f"{what}.", provider=provider or None, hint=REPORT)


def as_avatar_error(error: Exception, provider: str) -> AvatarError:
    """Return `error`, or a `ProtocolError` in place of one that no package may raise."""
    if isinstance(error, AvatarError):
        return error
    log.error("%s raised an unexpected error.", provider, exc_info=error)
    return provider_bug(f"it broke with {type(error).__name__}", provider)
