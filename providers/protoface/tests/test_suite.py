"""The provider for Protoface passes the suite of avatar-core."""

from __future__ import annotations

from avatar_provider_protoface import ProtofaceProvider
from avatar_provider_protoface.fake import FakeProtoface

from avatar_core.testing import ProviderSuite
from providers.protoface.tests.cases import CASES, SETTINGS


class TestProtoface(ProviderSuite):
    provider = ProtofaceProvider
    vendor = FakeProtoface
    settings = SETTINGS
    golden = "golden/"
    golden_cases = CASES
