"""Finds the fake vendors that installed distributions offer for their providers."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor

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
