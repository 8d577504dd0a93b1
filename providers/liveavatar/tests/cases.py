"""A fake of LiveAvatar, and the settings that the tests use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from avatar_provider_liveavatar import LiveAvatarProvider, LiveAvatarSettings
from avatar_provider_liveavatar.fake import FakeLiveAvatar

from avatar_core.testing import VendorAccount, launch_no_worker

AVATAR = "0930fd59-c8ad-434d-ad53-b391a1768720"
NEW_AVATAR = "64b526e4-741c-43b6-a918-4e40f3261c7a"
SETTINGS: dict[str, Any] = {"api_key": "vendor-key", "avatar_id": AVATAR}
EVERYTHING: dict[str, Any] = {
    "is_sandbox": False,
    "video_quality": "very_high",
    "video_encoding": "VP8",
    "max_session_duration": 600,
}


@asynccontextmanager
async def open_api(**account: Any) -> AsyncIterator[FakeLiveAvatar]:
    """Open a fake whose avatars join no room, for tests of the API alone."""
    vendor = FakeLiveAvatar(VendorAccount(launch_no_worker, **account))
    try:
        yield vendor
    finally:
        await vendor.aclose()


def connect(vendor: FakeLiveAvatar, **settings: Any) -> LiveAvatarProvider:
    """Create a provider that calls a fake in memory."""
    names = {"transport": vendor.transport, "connect": vendor.connect}
    cls: type[LiveAvatarProvider] = type("LiveAvatarProvider", (LiveAvatarProvider,), names)
    return cls(LiveAvatarSettings.load(**{**SETTINGS, **settings}))
