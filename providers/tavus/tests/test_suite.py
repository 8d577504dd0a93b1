"""The provider for Tavus passes the suite of avatar-core."""

from avatar_provider_tavus import TavusProvider
from avatar_provider_tavus.simulator.api import TavusApi

from avatar_core.testing import ProviderSuite


class TestTavus(ProviderSuite):
    provider = TavusProvider
    vendor = TavusApi
    settings = {"api_key": "tavus-key"}  # noqa: RUF012
    golden = "golden/"
    commands = {"set_emotion": {"emotion": "surprise"}}  # noqa: RUF012
