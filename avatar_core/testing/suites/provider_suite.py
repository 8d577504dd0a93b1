"""`ProviderSuite`: the checks that the author of a provider inherits."""

from __future__ import annotations

from typing import Any, ClassVar

from avatar_core.testing.suites.check import Check
from avatar_core.testing.suites.provider import (
    cancellation,
    configuration,
    controls,
    creation,
    discovery,
    ending,
    failures,
    hygiene,
    live,
    secrecy,
    speech,
    tokens,
)
from avatar_core.testing.suites.provider.subject import ProviderSubject
from avatar_core.testing.suites.suite import Suite


class ProviderSuite(ProviderSubject, Suite):
    """The suite of a provider. An author subclasses it once, in a file of tests.

        class TestAcme(ProviderSuite):
            provider = AcmeProvider
            vendor = AcmeVendor
            settings = {"api_key": "vendor-key", "face_id": "face-1"}
            golden = "golden/"

    Each check is a test method whose name contains the id of the check, so that `pytest -k P12`
    selects it. The checks run in virtual time and need no plugin for asyncio. `docs/prove-it.md`
    lists the checks and the levels.

    Attributes:
        provider: The provider class.
        vendor: The fake of the vendor, a subclass of `FakeVendor`, which the suite calls with a
            `VendorAccount`. None for a provider without a vendor, whose worker is a task in the
            room.
        settings: Values of the settings by the name of the field, with all required settings. The
            checks of the environment set the variables of these fields. The fake vendor accepts
            the value of `api_key`.
        golden: The folder of the golden requests, relative to the file of the suite. The option
            `--avatar-update-golden` of pytest writes the files.
        golden_cases: Settings that replace those of `settings`, by the name of a further golden
            file. The file `default` has no replacements.
        errors: The expected error of a fault, by the name of the fault in `FAULTS`, where the
            documentation of the vendor differs from the usual meaning of a status.
        commands: Example arguments of each command in `Capabilities.commands`, by the name of the
            command.
        skips: The reason for each check that the author leaves out, by the id of the check.
    """

    checks: ClassVar[tuple[Check[Any], ...]] = (
        *discovery.CHECKS,
        *configuration.CHECKS,
        *creation.CHECKS,
        *failures.CHECKS,
        *ending.CHECKS,
        *cancellation.CHECKS,
        *tokens.CHECKS,
        *secrecy.CHECKS,
        *speech.CHECKS,
        *controls.CHECKS,
        *hygiene.CHECKS,
        *live.CHECKS,
    )
