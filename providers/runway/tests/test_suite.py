"""The provider for Runway passes the suite of avatar-core."""

from __future__ import annotations

import pytest
from avatar_provider_runway import RunwayProvider
from avatar_provider_runway.fake import FakeRunway

from avatar_core.testing import ProviderSuite
from providers.runway.tests.cases import CASES, SETTINGS

pytestmark = pytest.mark.slow  # the suites of anam and lemonslice check the same code in every run


class TestRunway(ProviderSuite):
    provider = RunwayProvider
    vendor = FakeRunway
    settings = SETTINGS
    golden = "golden/"
    golden_cases = CASES
