"""The factory behind the pytest fixture `avatar_call`, which does not import pytest."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from livekit.agents import Agent, AgentSession

from avatar_core.contracts.errors import ConfigError
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import Item
from avatar_core.settings import AvatarSettings
from avatar_core.testing.call.call import AvatarCall, Faults
from avatar_core.testing.call.models import SessionFactory
from avatar_core.testing.call.room import CallRoom
from avatar_core.testing.fake_vendor.installed import MakeVendor

DEFAULT_PROVIDER = "mock"
MARKER_ARGUMENTS = ("provider", "fault", "vendor", "settings")


class CallFactory:
    """Creates the calls of a test; the value of the fixture `avatar_call`.

    Args:
        marked: The arguments of the marker `avatar` of the test.
        positional: The positional arguments of the marker.
        on_server: Whether the calls take place on a livekit-server on loopback, in real time.

    Raises:
        ConfigError: The marker has an unknown argument.
    """

    def __init__(
        self,
        marked: Mapping[str, Any] | None = None,
        positional: Sequence[Any] = (),
        *,
        on_server: bool = False,
    ) -> None:
        self._marked = dict(marked or {})
        for value in positional[:1]:
            self._marked.setdefault("provider", value)
        unknown = [*(name for name in self._marked if name not in MARKER_ARGUMENTS)]
        if unknown or len(positional) > 1:
            name = unknown[0] if unknown else repr(positional[1])
            close = difflib.get_close_matches(name, MARKER_ARGUMENTS, n=1)
            suggestion = f"Did you mean {close[0]}? " if close else ""
            raise ConfigError(
                f"The marker `avatar` has no argument {name:.40}.",
                hint=f"{suggestion}Its arguments are {', '.join(MARKER_ARGUMENTS)}.",
            )
        self._on_server = on_server

    def __call__(
        self,
        agent: Agent,
        *,
        session: SessionFactory | AgentSession[Any] | None = None,
        avatar: Item | Sequence[Item] | None = None,
        fault: Faults | None = None,
        vendor: MakeVendor | None = None,
        settings: AvatarSettings | None = None,
        registry: ProviderRegistry | None = None,
        wait_for_join: bool = True,
    ) -> AvatarCall:
        """Create a call; the test enters it with `async with`.

        An argument has precedence over the argument of the marker `avatar`.

        Args:
            agent: The agent that starts the call.
            session: The `AgentSession`, or a function that creates it.
            avatar: The providers of the avatar; by default the provider of the marker, or `mock`.
            fault: The name of a fault, or a sequence of names.
            vendor: A subclass of `FakeVendor` that imitates the vendor of the provider.
            settings: The settings of avatar-core.
            registry: Finds providers by name.
            wait_for_join: Whether entering the call waits until the avatar has joined.

        Returns:
            The call.

        Raises:
            ConfigError: A fault or a provider is unknown.
        """
        marked = self._marked
        return AvatarCall(
            agent,
            session=session,
            avatar=marked.get("provider", DEFAULT_PROVIDER) if avatar is None else avatar,
            fault=marked.get("fault", ()) if fault is None else fault,
            vendor=vendor or marked.get("vendor"),
            settings=settings or marked.get("settings"),
            registry=registry,
            wait_for_join=wait_for_join,
            room=self._room(),
        )

    def _room(self) -> CallRoom | None:
        if not self._on_server:
            return None
        from avatar_core.testing.call.server_room import ServerCallRoom

        return ServerCallRoom()
