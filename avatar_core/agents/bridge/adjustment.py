"""The adjustment of a plugin's session that the application created: one request, one identity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from livekit.agents import APIConnectOptions


def adjust(stock: Any, identity: str, tries: int) -> None:
    """Give a plugin's session a unique identity, and let the session send one create request.

    The bridge passes both to a constructor that it calls itself. An application that creates the
    session does not know them, so the function replaces them in the attributes of the session and
    of its API client.

    Args:
        stock: The plugin's `AvatarSession`, before its start.
        identity: The identity of the avatar's participant.
        tries: The value of `max_retry` with which the plugin sends exactly one create request.
    """
    before = str(stock.avatar_identity)
    for owner in _owners(stock):
        for name, value in list(vars(owner).items()):
            if isinstance(value, APIConnectOptions):
                _set(owner, name, replace(value, max_retry=tries))
            elif value == before and before and "identity" in name:
                _set(owner, name, identity)


def _owners(stock: Any) -> Iterator[Any]:
    """Yield the session and the objects of the plugin's own classes among its attributes."""
    yield stock
    package = type(stock).__module__.rpartition(".")[0]
    for value in list(vars(stock).values()):
        if package and type(value).__module__.startswith(package) and hasattr(value, "__dict__"):
            yield value


def _set(owner: Any, name: str, value: object) -> None:
    try:
        setattr(owner, name, value)
    except AttributeError:  # a frozen dataclass: it keeps the application's value
        return
