"""The provider for Zenith: avatars of a vendor with a WebSocket."""

from avatar_provider_zenith.provider import ZenithProvider
from avatar_provider_zenith.settings import ZenithSettings

__all__ = ["ZenithProvider", "ZenithSettings"]
