"""The provider for Anam passes the suite of avatar-core."""

from __future__ import annotations

from avatar_provider_anam import AnamProvider
from avatar_provider_anam.fake import FakeAnam

from avatar_core.testing import ProviderSuite
from providers.anam.tests.cases import CASES, SETTINGS


class TestAnam(ProviderSuite):
    provider = AnamProvider
    vendor = FakeAnam
    settings = SETTINGS
    golden = "golden/"
    golden_cases = CASES
