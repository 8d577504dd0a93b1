"""Background tasks, and calls of provider and application code that may raise any exception."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import PurePath
from typing import Any, ParamSpec, Protocol, TypeVar

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import AvatarError, ProtocolError

log = logging.getLogger("avatar_core")

RELEASE_S = 4.0
"""Seconds that the end of a session, or the close of an object, may take."""
NAMING_ERRORS = (AttributeError, ImportError, NameError)
"""Exceptions whose text contains names of attributes, modules and variables, but no values."""
BUG_HINT = "This is a bug of the provider package. Report it to its author."

T = TypeVar("T")
P = ParamSpec("P")


class BackgroundTasks:
    """A set of tasks that continue after their caller has returned or was cancelled."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def running(self) -> set[asyncio.Task[Any]]:
        """A copy of the set of tasks that have not ended yet."""
        return set(self._running)

    def start(self, work: Coroutine[Any, Any, object], name: str) -> asyncio.Task[Any]:
        """Run a coroutine in a task, and log an `AvatarError` that the coroutine raises.

        Args:
            work: The coroutine to run.
            name: The name of the task.

        Returns:
            The task. The result of the task is that of the coroutine, or None after an
            `AvatarError`. The task holds any other exception of the coroutine.

        Raises:
            RuntimeError: No event loop is running.
        """

        async def run() -> object:
            """Await the coroutine, and log an `AvatarError` that it raises.

            Returns:
                The result of the coroutine; None after an `AvatarError`.

            Raises:
                Exception: Any other exception of the coroutine.
            """
            try:
                return await work
            except AvatarError as error:
                log.warning("%s", error)
                return None

        task = asyncio.create_task(run(), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: work.close())  # if the task was cancelled before it ran
        return task

    async def finish(self, unwanted: Sequence[asyncio.Task[Any]], limit_s: float) -> None:
        """Cancel some tasks, wait for them and for all tasks of this object, and log the rest.

        Args:
            unwanted: The tasks to cancel. A cancelled task may start tasks of this object.
            limit_s: Seconds after which the method no longer waits.
        """
        for task in unwanted:
            task.cancel()
        try:
            async with asyncio.timeout(limit_s):
                while left := {task for task in unwanted if not task.done()} | self._running:
                    await asyncio.wait(left)
        except TimeoutError:
            names = ", ".join(task.get_name() for task in left if not task.done())
            log.warning("These background tasks did not end within %g s: %s.", limit_s, names)


class Closable(Protocol):
    """The interface of an object that has a method `aclose`."""

    async def aclose(self) -> None:
        """Close the object, and free its resources."""


async def call_provider(method: Callable[P, Awaitable[T]], *args: P.args, **named: P.kwargs) -> T:
    """Call an async method of a provider package.

    A provider that raises `CancelledError` must not cancel avatar-core, so this function raises
    `RuntimeError` instead. The function also creates the coroutine, so that no coroutine stays
    unawaited if the task is cancelled before it runs.

    Args:
        method: An async method of the package.
        args: Its arguments.
        named: Its named arguments.

    Returns:
        The result of `method`.

    Raises:
        RuntimeError: The package raised `CancelledError`, although nobody cancelled the current
            task.
        asyncio.CancelledError: The current task was cancelled.
        Exception: Any other exception that the package raises.
    """
    try:
        return await method(*args, **named)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError(
            "Awaited code raised CancelledError, although nobody cancelled its task."
        ) from error


async def close_quietly(part: Closable, within_s: float = RELEASE_S) -> None:
    """Close an object, and log an exception of its `aclose` instead of raising it.

    Args:
        part: The object to close.
        within_s: Seconds after which the function cancels `aclose` and logs a warning.
    """
    try:
        async with asyncio.timeout(within_s):
            await call_provider(part.aclose)
    except Exception as error:
        name = type(part).__name__
        log.warning("avatar-core could not close %s (%s: %s).", name, type(error).__name__, error)


def notify(listener: Callable[..., object], *args: object) -> None:
    """Call a listener, and log an exception of the listener instead of raising it.

    Args:
        listener: The function to call.
        args: The positional arguments of the call.
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
    """Create the error for a provider package that violates the provider API.

    Args:
        problem: A clause that says what the package did, without a full stop.
        provider: The name of the provider; empty if the caller adds the name later.

    Returns:
        The error, which asks the user to report the problem to the author of the package.
    """
    return ProtocolError(
        f"{problem}.", provider=provider or None, hint=BUG_HINT, code=ErrorCode.PROVIDER_BUG
    )


def as_avatar_error(error: Exception, provider: str) -> AvatarError:
    """Convert an exception of a provider package into an `AvatarError`.

    The function logs the traceback of an exception that is not an `AvatarError`.

    Args:
        error: The exception that the package raised.
        provider: The name of the provider.

    Returns:
        `error` itself if it is an `AvatarError`, or else a `ProtocolError` whose cause is
        `error`.
    """
    if isinstance(error, AvatarError):
        return error
    log.error("The provider %s raised an unexpected error.\n%s", provider, format_trace(error))
    bug = provider_bug(f"the provider raised {describe_error(error)}", provider)
    bug.__cause__ = error
    return bug


def describe_error(error: BaseException) -> str:
    """Describe an unexpected exception: its class, and the file and line that raised it.

    The text of an exception may quote an API key. The description therefore contains the text only
    for the classes in `NAMING_ERRORS`.

    Args:
        error: The exception.

    Returns:
        The description, for example `KeyError (client.py, line 12)`.
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
    """Format the traceback of an exception and of its causes.

    The text of each exception is that of `describe_error`, so that no API key appears.

    Args:
        error: The exception.

    Returns:
        The tracebacks as text with several lines, the innermost cause first.
    """
    context = None if error.__suppress_context__ else error.__context__
    cause = error.__cause__ or context
    before = f"{format_trace(cause)}\nThis error led to the next one:\n" if cause else ""
    return f"{before}{''.join(traceback.format_tb(error.__traceback__))}{describe_error(error)}"
