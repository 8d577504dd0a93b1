"""Helpers for the tests of a provider with the fake of its vendor, without a room."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from jsonschema import Draft202012Validator

from avatar_core import AvatarProvider, ProvisionedAvatar
from avatar_core.testing import FakeVendor, VendorAccount, launch_no_worker

P = TypeVar("P", bound=AvatarProvider[Any])
KEY = "vendor-key"
"""The API key that every fake vendor accepts."""


@asynccontextmanager
async def open_vendor(cls: type[FakeVendor], **account: Any) -> AsyncIterator[Any]:
    """Open a fake vendor, whose workers join no room.

    Args:
        cls: The class of the fake vendor.
        account: Keyword arguments of `VendorAccount`.

    Yields:
        The fake vendor.
    """
    vendor = cls(VendorAccount(launch_no_worker, **account))
    try:
        yield vendor
    finally:
        await vendor.aclose()


def connect(cls: type[P], vendor: FakeVendor, **settings: Any) -> P:
    """Create a provider that calls a fake vendor in memory.

    Args:
        cls: The provider class.
        vendor: The fake vendor.
        settings: Values of the settings by the name of the field.

    Returns:
        The provider.
    """
    connected = type(cls.__name__, (cls,), {"transport": vendor.transport})
    provider: P = connected(cls.settings_cls.load(**{"api_key": KEY, **settings}))
    return provider


def check_schema(file: Path, name: str, value: Any) -> None:
    """Check a JSON value against a definition in an excerpt of an OpenAPI document.

    Args:
        file: The excerpt, a JSON Schema.
        name: The name of the definition.
        value: The JSON value.

    Raises:
        jsonschema.ValidationError: The value is invalid.
    """
    schema = json.loads(file.read_text())
    Draft202012Validator({**schema, "$ref": f"#/$defs/{name}"}).validate(value)


class SentPackets:
    """A room link that records the data packets that a control sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any, list[str], bool]] = []

    async def send(self, topic: str, payload: bytes, *, to: list[str], reliable: bool) -> None:
        self.sent.append((topic, json.loads(payload), to, reliable))


@dataclass
class ControlContext:
    """As much of a `SinkContext` as a control needs."""

    avatar: ProvisionedAvatar
    link: SentPackets = field(default_factory=SentPackets)


class ControlledAvatar:
    """An avatar session whose commands go directly to a provider.

    Args:
        provider: The provider.
        avatar: The record of the session.
    """

    def __init__(self, provider: AvatarProvider[Any], avatar: ProvisionedAvatar) -> None:
        self.context: Any = ControlContext(avatar)
        self._provider = provider

    async def control(self, name: str, **arguments: Any) -> None:
        await self._provider.control(self.context, {"name": name, **arguments})
