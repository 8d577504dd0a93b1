"""The provider for D-ID passes the suite of avatar-core."""

from __future__ import annotations

import pytest
from avatar_provider_did import DidProvider
from avatar_provider_did.fake import FakeDid

from avatar_core.testing import ProviderSuite
from providers.did.tests.cases import CASES, SETTINGS

pytestmark = pytest.mark.slow  # the suites of anam and lemonslice check the same code in every run


class TestDid(ProviderSuite):
    provider = DidProvider
    vendor = FakeDid
    settings = SETTINGS
    golden = "golden/"
    golden_cases = CASES
