"""The provider for Beyond Presence passes the suite of avatar-core."""

from __future__ import annotations

import pytest
from avatar_provider_bey import BeyProvider
from avatar_provider_bey.fake import FakeBey

from avatar_core.testing import ProviderSuite
from providers.bey.tests.cases import CASES, SETTINGS

pytestmark = pytest.mark.slow  # the suites of anam and lemonslice check the same code in every run


class TestBey(ProviderSuite):
    provider = BeyProvider
    vendor = FakeBey
    settings = SETTINGS
    golden = "golden/"
    golden_cases = CASES
