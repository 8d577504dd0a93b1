"""A stand-in for a vendor whose account nobody has: run beside the demo, where one is offered."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.metadata import entry_points
from typing import Protocol

GROUP = "avatar_core.simulators"
"""Entry points by the name of the provider that they stand in for."""


class Simulator(Protocol):
    """What such an entry point names."""

    def __call__(
        self, say: Callable[[str], None]
    ) -> AbstractAsyncContextManager[Mapping[str, str]] | None:
        """None where an account is set; else what runs while the block does.

        Args:
            say: Told, a line each, what a person should know.

        Returns:
            A block that yields the environment variables by which it is used.
        """


@asynccontextmanager
async def simulators() -> AsyncIterator[Mapping[str, str]]:
    """Run all that are installed and needed, and set the environment for them.

    Yields what they say, by provider.
    """
    said: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        for point in entry_points(group=GROUP):
            offered: Simulator = point.load()
            standing = offered(_sayer(said, point.name))
            if standing is not None:
                os.environ.update(await stack.enter_async_context(standing))
        yield said


def _sayer(said: dict[str, str], name: str) -> Callable[[str], None]:
    def say(line: str) -> None:
        said[name] = f"{said[name]} {line}" if name in said else line

    return say
