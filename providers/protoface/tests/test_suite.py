"""The provider for Protoface passes the suite of avatar-core."""

from __future__ import annotations

import pytest
from avatar_provider_protoface import ProtofaceProvider
from avatar_provider_protoface.fake import FakeProtoface

from avatar_core.testing import ProviderSuite
from providers.protoface.tests.cases import CASES, SETTINGS

pytestmark = pytest.mark.slow  # the suites of anam and lemonslice check the same code in every run


class TestProtoface(ProviderSuite):
    provider = ProtofaceProvider
    vendor = FakeProtoface
    settings = SETTINGS
    golden = "golden/"
    golden_cases = CASES
