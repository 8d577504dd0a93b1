"""Runs a livekit-server on the loopback interface for development and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avatar_core.testing.server.server import DevServer as DevServer

__all__ = ["DevServer"]


def __getattr__(name: str) -> Any:
    if name != "DevServer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from avatar_core.testing.server.server import DevServer

    return DevServer
