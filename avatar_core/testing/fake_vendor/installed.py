"""Finds the fake vendors of installed distributions, and connects their providers."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from avatar_core.bases.rest import RestAvatarProvider
from avatar_core.bases.websocket import WebSocketAvatarProvider
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.socket_vendor import SocketVendor

GROUP = "avatar_core.fake_vendors"
"""The entry-point group of fake vendors. The name of an entry point is the name of its provider,
and its value is a subclass of `FakeVendor`."""

MakeVendor = Callable[[VendorAccount], FakeVendor]
"""A subclass of `FakeVendor`, or a function that creates a fake vendor for an account."""


def find_fake_vendor(provider: str) -> MakeVendor | None:
    """Return the fake vendor that a distribution offers for a provider.

    Args:
        provider: The name of the provider.

    Returns:
        A function that creates the fake vendor for an account; None if no distribution offers one.

    Raises:
        ImportError: The entry point cannot be loaded.
    """
    found = [point for point in entry_points(group=GROUP) if point.name == provider]
    make: MakeVendor | None = found[0].load() if found else None
    return make


def connect(provider: RestAvatarProvider[Any], vendor: FakeVendor) -> None:
    """Make a provider call a fake vendor in memory instead of the network.

    Args:
        provider: The provider.
        vendor: The fake vendor.

    Raises:
        ConfigError: The settings of the provider are invalid.
    """
    if isinstance(vendor, SocketVendor) and isinstance(provider, WebSocketAvatarProvider):
        provider.connect = vendor.connect
    provider.transport = vendor.transport
    provider.setup()
