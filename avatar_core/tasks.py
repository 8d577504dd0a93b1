"""Background tasks, and calls of foreign code whose errors must not stop ours."""

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
"""Longest time that closing a part, or ending a session, may take."""
NAMING_ERRORS = (AttributeError, ImportError, NameError)
"""Errors whose text names attributes, modules and variables, and no values."""
BUG_HINT = "This is a bug of the provider package. Report it to its author."

T = TypeVar("T")


class BackgroundTasks:
    """Runs work that continues after its caller returned or was cancelled."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def running(self) -> set[asyncio.Task[Any]]:
        """The tasks that have not ended yet, as a copy."""
        return set(self._running)

    def start(self, work: Coroutine[Any, Any, object], name: str) -> asyncio.Task[Any]:
        """Run `work` in a task; log an `AvatarError` that it raises.

        Args:
            work: The coroutine to run.
            name: The name of its task.

        Returns:
            The task. Its result is None if the work raised an `AvatarError`. Any other
            exception of the work stays in the task.
        """

        async def run() -> object:
            """Await the work; log an `AvatarError` that it raises."""
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
    """An object with an `aclose` method."""

    async def aclose(self) -> None:
        """Release the resources of the object."""


async def call_provider(work: Awaitable[T]) -> T:
    """Await code of a provider package.

    Args:
        work: The awaitable that the package returned.

    Returns:
        The result of `work`.

    Raises:
        RuntimeError: The code cancelled itself, although our task was not cancelled.
        Exception: Any exception that the code raises.
    """
    try:
        return await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError(
            "Awaited code raised CancelledError, although nobody cancelled its task."
        ) from error


async def close_quietly(part: Closable, within_s: float = RELEASE_S) -> None:
    """Close a part; log an exception that it raises instead of raising it.

    Args:
        part: The object to close.
        within_s: Seconds after which the attempt is cancelled and logged.
    """
    try:
        async with asyncio.timeout(within_s):
            await call_provider(part.aclose())
    except Exception as error:
        name = type(part).__name__
        log.warning("avatar-core could not close %s (%s: %s).", name, type(error).__name__, error)


def notify(listener: Callable[..., object], *args: object) -> None:
    """Call a listener; log an exception that it raises, so that it cannot stop the caller.

    Args:
        listener: The function to call.
        args: Its arguments.
    """
    try:
        listener(*args)
    except (Exception, asyncio.CancelledError):  # the latter from a future that it read
        name = getattr(listener, "__qualname__", repr(listener))
        module = getattr(listener, "__module__", "?")
        log.exception(
            "The event listener %s.%s raised an error; the conversation continues.", module, name
        )


def provider_bug(problem: str, provider: str = "") -> ProtocolError:
    """Return the error for a provider package that breaks its contract.

    Args:
        problem: What the package did, without a full stop.
        provider: The provider's name; empty if the caller adds it later.
    """
    return ProtocolError(f"{problem}.", provider=provider or None, hint=BUG_HINT)


def as_avatar_error(error: Exception, provider: str) -> AvatarError:
    """Return `error` itself if it is an `AvatarError`; else log it and return a `ProtocolError`.

    The log gets the traceback. The original error becomes the cause of the `ProtocolError`.

    Args:
        error: An exception that code of a provider raised.
        provider: The provider's name.
    """
    if isinstance(error, AvatarError):
        return error
    log.error("The provider %s raised an unexpected error.\n%s", provider, format_trace(error))
    bug = provider_bug(f"the provider raised {describe_error(error)}", provider)
    bug.__cause__ = error
    return bug


def describe_error(error: BaseException) -> str:
    """Return the class of an unexpected error, and the file and line that raised it.

    The text of an error may quote a key, so it is left out unless it can only name code.

    Args:
        error: The error.
    """
    text = f": {error}".rstrip(".") if isinstance(error, NAMING_ERRORS) else ""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.name not in ("__getattr__", "__getattribute__")
    ]
    where = f" ({PurePath(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{text}{where}"


def format_trace(error: BaseException) -> str:
    """Return the traceback of an error and of its causes, with texts as in `describe_error`.

    Args:
        error: The error.
    """
    context = None if error.__suppress_context__ else error.__context__
    cause = error.__cause__ or context
    before = f"{format_trace(cause)}\nThis error led to the next one:\n" if cause else ""
    return f"{before}{''.join(traceback.format_tb(error.__traceback__))}{describe_error(error)}"
