"""The provider for Tavus passes the suite of avatar-core."""

from avatar_provider_tavus import TavusProvider
from avatar_provider_tavus.simulator.api import TavusApi

from avatar_core.testing import FakeVendor, ProviderSuite, VendorAccount
from providers.tavus.tests.golden_cases import GOLDEN_CASES


class TestTavus(ProviderSuite):
    provider = TavusProvider
    vendor = TavusApi
    settings = {"api_key": "tavus-key"}  # noqa: RUF012
    golden = "golden/"
    golden_cases = GOLDEN_CASES
    commands = {"set_emotion": {"emotion": "surprise"}}  # noqa: RUF012

    def make_vendor(self, account: VendorAccount) -> FakeVendor | None:
        vendor = super().make_vendor(account)
        assert isinstance(vendor, TavusApi)
        vendor.catalogue.add_pal({"default_face_id": "r0d1a2b3c4e5"}, "p1")
        return vendor
