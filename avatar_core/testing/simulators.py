"""Runs the simulators that installed providers offer, so that the demo needs no vendor account."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.metadata import entry_points
from typing import Protocol

GROUP = "avatar_core.simulators"
"""The entry-point group of simulators; the name of an entry point is the name of its provider."""


class Simulator(Protocol):
    """The callable that an entry point in the group `GROUP` loads."""

    def __call__(
        self, notify: Callable[[str], None]
    ) -> AbstractAsyncContextManager[Mapping[str, str]] | None:
        """Offer a simulator of the vendor.

        Args:
            notify: Called with each sentence that the user should read.

        Returns:
            None if the environment configures a real account; otherwise a context manager that
            runs the simulator and yields the environment variables that select it.
        """


@asynccontextmanager
async def run_simulators() -> AsyncIterator[Mapping[str, str]]:
    """Run every installed simulator whose vendor has no account configured.

    The function sets the environment variables that select the simulators, and does not reset them.

    Yields:
        The notices of each simulator for the user, by the name of its provider. The mapping grows
        when a running simulator adds a notice.

    Raises:
        Exception: An entry point cannot be loaded, or its simulator cannot start.
    """
    notices: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        for point in entry_points(group=GROUP):
            offer: Simulator = point.load()
            simulator = offer(_notifier(notices, point.name))
            if simulator is not None:
                os.environ.update(await stack.enter_async_context(simulator))
        yield notices


def _notifier(notices: dict[str, str], name: str) -> Callable[[str], None]:
    def notify(line: str) -> None:
        """Append a sentence to the notices of this provider.

        Args:
            line: A sentence for the user.
        """
        notices[name] = f"{notices[name]} {line}" if name in notices else line

    return notify
