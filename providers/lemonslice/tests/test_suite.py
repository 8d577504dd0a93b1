"""The provider for LemonSlice passes the suite of avatar-core."""

from __future__ import annotations

from avatar_provider_lemonslice import LemonSliceProvider
from avatar_provider_lemonslice.fake import FakeLemonSlice

from avatar_core.testing import ProviderSuite
from providers.lemonslice.tests.cases import CASES, COMMANDS, SETTINGS


class TestLemonSlice(ProviderSuite):
    provider = LemonSliceProvider
    vendor = FakeLemonSlice
    settings = SETTINGS
    golden = "golden/"
    golden_cases = CASES
    commands = COMMANDS
