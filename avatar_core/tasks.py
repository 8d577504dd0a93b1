"""Tasks that outlive their caller, and calls into code of others that must not hurt us."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import PurePath
from typing import Any, Protocol, TypeVar

from avatar_core.contracts.errors import AvatarError, ProtocolError

log = logging.getLogger("avatar_core")

RELEASE_S = 4.0
"""The most that closing a part, or ending a session, may take."""
NAMING = (AttributeError, ImportError, NameError)
"""Errors whose text names attributes, modules and variables."""

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
    """Return `error`, or a `ProtocolError` in place of one that no package may raise.

    The log gets the traceback of the latter.
    """
    if isinstance(error, AvatarError):
        return error
    log.error("%s raised an unexpected error.\n%s", provider, format_trace(error))
    fault = provider_bug(f"it broke with {describe_error(error)}", provider)
    fault.__cause__ = error
    return fault


def describe_error(error: BaseException) -> str:
    """Name an unexpected error and the line that raised it.

    The text of an error may quote a key, so it is left out unless it can only name code.
    """
    text = f": {error}".rstrip(".") if isinstance(error, NAMING) else ""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.name not in ("__getattr__", "__getattribute__")
    ]
    where = f" ({PurePath(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{text}{where}"


def format_trace(error: BaseException) -> str:
    """Format the traceback of an error and of its causes, with texts as `describe_error` does."""
    context = None if error.__suppress_context__ else error.__context__
    cause = error.__cause__ or context
    before = f"{format_trace(cause)}\nThis error led to the next one:\n" if cause else ""
    return f"{before}{''.join(traceback.format_tb(error.__traceback__))}{describe_error(error)}"
