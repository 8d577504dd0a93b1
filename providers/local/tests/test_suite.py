"""The local provider, which draws on this machine, passes the suite of avatar-core."""

from avatar_provider_local import LocalProvider

from avatar_core.testing import ProviderSuite


class TestLocal(ProviderSuite):
    provider = LocalProvider
    settings = {"width": 128, "height": 128, "fps": 10}  # noqa: RUF012
