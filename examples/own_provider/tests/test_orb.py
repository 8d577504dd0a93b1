"""The provider Orb passes the checks of avatar-core."""

from avatar_core.testing import ProviderSuite

from avatar_provider_orb import OrbProvider


class TestOrb(ProviderSuite):
    provider = OrbProvider
    settings = {"size": 128}
