"""A fake vendor in front of a provider that has no vendor, so that the provider can be refused."""

from __future__ import annotations

from pydantic import SecretStr

from avatar_core.http.client import RestClient
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.faults import VendorFault
from avatar_core.testing.fake_vendor.launcher import launch_no_worker

KEY = "vendor-key"


class VendorFront:
    """Sends one create request to a fake vendor before a provider starts its own worker.

    The errors are therefore the same as those of a provider with a REST API.

    Args:
        provider: The name of the provider, for error messages.
    """

    def __init__(self, provider: str) -> None:
        self._vendor = FakeVendor(VendorAccount(launch_no_worker), key=KEY)
        self._rest = RestClient(
            "https://vendor.example/v1",
            key=SecretStr(KEY),
            provider=provider,
            transport=self._vendor.transport,
        )
        self._has_faults = False

    def fail(self, fault: str | VendorFault) -> None:
        """Add a fault, which applies to later create requests.

        Args:
            fault: A name in `FAULTS`, or a fault.

        Raises:
            ConfigError: `FAULTS` does not contain the name.
        """
        self._vendor.fail(fault)
        self._has_faults = True

    @property
    def unused_faults(self) -> list[VendorFault]:
        """The faults from `fail` that have not applied to any create request so far."""
        return self._vendor.unused_faults

    async def create(self, deadline_s: float) -> None:
        """Send a create request, unless the vendor has no faults.

        Args:
            deadline_s: Seconds for the request.

        Raises:
            ProvisionError: The vendor refused the request, or the request failed.
        """
        if not self._has_faults:
            return
        body = {"name": "call", "livekit_url": "wss://room.example", "token": "none"}
        try:
            response = await self._rest.call("POST", "/sessions", body, timeout_s=deadline_s)
            response.text("id")
        finally:
            await self._vendor.aclose()
