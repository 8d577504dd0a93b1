"""A stand-in for a vendor whose account nobody has: run beside the demo, where it offers one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol

from avatar_core.contracts.errors import ConfigError
from avatar_core.engine.registry import ProviderRegistry


class StandIn(Protocol):
    """`def stand_in(cls, say)`, a class method of a provider; core knows no more of it."""

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
async def stand_ins() -> AsyncIterator[Mapping[str, str]]:
    """Run those that installed providers offer, and set the environment for them.

    Yields what they say, by provider. One that cannot be loaded offers none: whoever chooses
    it is told why.
    """
    said: dict[str, str] = {}
    registry = ProviderRegistry()
    async with AsyncExitStack() as stack:
        for name in registry.names():
            try:
                offered: StandIn | None = getattr(registry.load(name), "stand_in", None)
            except ConfigError:
                continue
            standing = offered(_sayer(said, name)) if offered is not None else None
            if standing is not None:
                os.environ.update(await stack.enter_async_context(standing))
        yield said


def _sayer(said: dict[str, str], name: str) -> Callable[[str], None]:
    def say(line: str) -> None:
        said[name] = f"{said[name]} {line}" if name in said else line

    return say
