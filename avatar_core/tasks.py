"""Calling what a provider package wrote."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Protocol, TypeVar

from avatar_core.contracts.errors import AvatarError, ProtocolError

log = logging.getLogger("avatar_core")

RELEASE_S = 4.0
"""For a provider to let go of something; what takes longer is given up."""

T = TypeVar("T")

REPORT = "This is a defect of the provider package; report it there."


async def call_provider(work: Awaitable[T]) -> T:
    """Await it; a `CancelledError` that nobody of us asked for is an error like any other.

    Raises:
        RuntimeError: It cancelled itself.
    """
    try:
        return await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError("it cancelled itself") from error


class Closable(Protocol):
    """A part that a package made."""

    async def aclose(self) -> None:
        """Let go of all it holds."""


async def close_quietly(part: Closable, within_s: float = RELEASE_S) -> None:
    """Close it; nothing that it does meanwhile keeps a session from being ended."""
    try:
        async with asyncio.timeout(within_s):
            await call_provider(part.aclose())
    except Exception as error:
        what = type(part).__name__
        log.warning("%s could not be closed (%s: %s).", what, type(error).__name__, error)


def provider_bug(what: str, provider: str = "") -> ProtocolError:
    """The error of a package that does what its contract forbids."""
    return ProtocolError(f"{what}.", provider=provider or None, hint=REPORT)


def as_avatar_error(error: Exception, provider: str) -> AvatarError:
    """The error itself, or what stands for one that no package may raise."""
    if isinstance(error, AvatarError):
        return error
    log.error("%s broke.", provider, exc_info=error)
    return provider_bug(f"it broke with {type(error).__name__}", provider)
