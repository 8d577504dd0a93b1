"""The provider for Acme passes the checks of avatar-core."""

from avatar_core.testing import ProviderSuite

from avatar_provider_acme import AcmeProvider
from avatar_provider_acme.fake import AcmeVendor


class TestAcme(ProviderSuite):
    provider = AcmeProvider
    vendor = AcmeVendor
    settings = {"api_key": "vendor-key"}
    golden = "golden/"
