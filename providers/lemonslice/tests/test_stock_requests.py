"""The create request of the provider beside that of livekit-plugins-lemonslice, unmodified."""

from __future__ import annotations

from typing import Any

from avatar_provider_lemonslice import LemonSliceProvider
from avatar_provider_lemonslice.fake import FakeLemonSlice
from livekit.plugins import lemonslice

from avatar_core.testing import (
    check_differences,
    find_differences,
    record_provider_requests,
    record_stock_requests,
    token_differences,
)
from avatar_core.testing.stock_plugin import IDENTITY
from providers.lemonslice.tests.cases import SETTINGS
from tests.support.vendor_tests import KEY, connect, open_vendor

DIFFERENCES = {
    "body.idle_timeout": "a user may talk for longer than 60 s; avatar-core ends the session",
    "body.properties.livekit_session_id": "the id of the room is not part of LemonSlice's API",
    **token_differences("body.properties.livekit_token"),
}


async def test_create_request_differs_from_the_plugins_only_as_explained() -> None:
    def make_session(url: str) -> Any:
        return lemonslice.AvatarSession(
            agent_id="agent_abc123",
            api_url=f"{url}/api/liveai/sessions",
            api_key=KEY,
            avatar_participant_identity=IDENTITY,
        )

    async with open_vendor(FakeLemonSlice) as vendor:
        (stock,) = await record_stock_requests(make_session, vendor)
        provider = connect(LemonSliceProvider, vendor, **SETTINGS)
        (ours,) = await record_provider_requests(provider, vendor)
        check_differences(find_differences(ours, stock), DIFFERENCES)
