"""The suites of correct providers, which pass every check."""

from __future__ import annotations

from typing import ClassVar

from avatar_core.testing import FakeVendor, ProviderSuite
from tests.suites.right_providers import (
    AcmeProvider,
    EndlessProvider,
    FlashesProvider,
    KeyProvider,
    LookupProvider,
)


class AcmeSuite(ProviderSuite):
    provider = AcmeProvider
    vendor = FakeVendor
    settings: ClassVar = {"api_key": "acme-key-1", "face_id": "face-1"}
    golden = "golden/acme"


class KeySuite(AcmeSuite):
    provider = KeyProvider
    golden = "golden/key"


class LookupSuite(AcmeSuite):
    provider = LookupProvider


class EndlessSuite(AcmeSuite):
    provider = EndlessProvider
    golden = "golden/endless"


class RendererSuite(ProviderSuite):
    provider = FlashesProvider
    settings: ClassVar = {"size": 64}


RIGHT: tuple[type[ProviderSuite], ...] = (
    *(AcmeSuite, KeySuite, LookupSuite, EndlessSuite),
    RendererSuite,
)
