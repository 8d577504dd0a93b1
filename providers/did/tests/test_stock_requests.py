"""The requests of the provider beside those of livekit-plugins-did, unmodified."""

from __future__ import annotations

from typing import Any

from avatar_provider_did import DidProvider
from avatar_provider_did.fake import FakeDid
from livekit.plugins import did

from avatar_core.testing import (
    check_differences,
    find_differences,
    record_provider_requests,
    record_stock_requests,
    token_differences,
)
from avatar_core.testing.stock_plugin import IDENTITY
from providers.did.tests.cases import AGENT, SETTINGS
from tests.support.vendor_tests import KEY, connect, open_vendor


async def test_create_request_differs_from_the_plugins_only_in_the_token() -> None:
    def make_session(url: str) -> Any:
        return did.AvatarSession(
            agent_id=AGENT,
            api_url=url,
            api_key=KEY,
            audio_config=did.AudioConfig(sample_rate=16_000),
            avatar_participant_identity=IDENTITY,
        )

    async with open_vendor(FakeDid) as vendor:
        (stock,) = await record_stock_requests(make_session, vendor)
        provider = connect(DidProvider, vendor, **SETTINGS, sample_rate=16_000)
        (ours,) = await record_provider_requests(provider, vendor)
        check_differences(find_differences(ours, stock), token_differences("body.transport.token"))
