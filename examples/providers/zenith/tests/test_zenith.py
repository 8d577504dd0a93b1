"""The provider for Zenith passes the checks of avatar-core."""

from avatar_core.testing import ProviderSuite, SocketTransportSuite

from avatar_provider_zenith import ZenithProvider
from avatar_provider_zenith.fake import ZenithVendor


class TestZenith(ProviderSuite):
    provider = ZenithProvider
    vendor = ZenithVendor
    settings = {"api_key": "vendor-key"}
    golden = "golden/"


class TestZenithTransport(SocketTransportSuite):
    provider = ZenithProvider
    vendor = ZenithVendor
    settings = {"api_key": "vendor-key"}
