"""The vendors of `tests.long.provisioning`: `FakeVendor`, and those of the native providers."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any
from unittest.mock import patch

from avatar_core.bases.rest import RestAvatarProvider
from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.installed import GROUP, connect, find_fake_vendor
from avatar_core.testing.fake_vendor.socket_vendor import SocketVendor
from avatar_core.testing.rest_harness import make_acme, silent_workers
from avatar_core.testing.room.room import MemoryRoom

ABSENT_S = 300.0
"""Seconds after which a vendor ends a session without a worker; the longest join takes 150 s."""
JOIN_S, CREATE_S = 4.0, 1.5
"""The longest times until a worker joins, and of a create call, in seconds."""
URL = "https://vendor.example"

Subject = SafeRetry | str
"""A kind of vendor in general, or the name of a native provider."""
NATIVE = sorted(point.name for point in entry_points(group=GROUP))


@dataclass(frozen=True)
class Connected:
    """A provider with its vendor.

    Attributes:
        account: The account at the vendor.
        vendor: The vendor.
        provider: The provider, which calls the vendor.
    """

    account: VendorAccount
    vendor: FakeVendor
    provider: RestAvatarProvider[Any]


def connect_subject(subject: Subject, room: MemoryRoom, dice: random.Random) -> Connected:
    """Create a vendor and its provider.

    Args:
        subject: The vendor.
        room: The room that the workers join.
        dice: Chooses the delays of the vendor.

    Returns:
        The vendor and its provider.

    Raises:
        ConfigError: The settings of the provider do not fit its fake vendor.
    """
    join_s, create_s = dice.uniform(0.0, JOIN_S), dice.uniform(0.0, CREATE_S)
    account = VendorAccount(
        silent_workers(room), absent_timeout_s=ABSENT_S, join_s=join_s, room=room
    )
    if isinstance(subject, SafeRetry):
        vendor = FakeVendor(account, create_s=create_s, idempotent=subject is SafeRetry.KEY)
        return Connected(account, vendor, make_acme(subject, vendor.transport))
    make: Any = find_fake_vendor(subject)
    delays = {} if issubclass(make, SocketVendor) else {"create_s": create_s}
    vendor = make(account, **delays)
    variables = {name: text.format(url=URL) for name, text in vendor.environment.items()}
    with patch.dict(os.environ, variables):
        provider = ProviderRegistry().create(subject)
    assert isinstance(provider, RestAvatarProvider)
    connect(provider, vendor)
    return Connected(account, vendor, provider)
