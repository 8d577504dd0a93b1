"""The provider for Simli passes the suite of avatar-core."""

from __future__ import annotations

import pytest
from avatar_provider_simli import SimliProvider
from avatar_provider_simli.fake import FakeSimli

from avatar_core.testing import ProviderSuite
from providers.simli.tests.cases import CASES, SETTINGS

pytestmark = pytest.mark.slow  # the suites of anam and lemonslice check the same code in every run


class TestSimli(ProviderSuite):
    provider = SimliProvider
    vendor = FakeSimli
    settings = SETTINGS
    golden = "golden/"
    golden_cases = CASES
