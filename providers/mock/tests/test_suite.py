"""The mock provider passes the suite of avatar-core."""

from avatar_provider_mock import MockProvider

from avatar_core.testing import ProviderSuite


class TestMock(ProviderSuite):
    provider = MockProvider
    settings = {"width": 64, "height": 64}  # noqa: RUF012
