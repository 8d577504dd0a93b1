"""The provider Orb, which draws a ball that glows with the voice."""

from avatar_provider_orb.provider import OrbProvider
from avatar_provider_orb.settings import OrbSettings

__all__ = ["OrbProvider", "OrbSettings"]
