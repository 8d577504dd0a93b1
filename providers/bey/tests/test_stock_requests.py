"""The requests of the provider beside those of livekit-plugins-bey, unmodified."""

from __future__ import annotations

from typing import Any

from avatar_provider_bey import BeyProvider
from avatar_provider_bey.fake import FakeBey
from livekit.plugins import bey

from avatar_core.testing import (
    check_differences,
    find_differences,
    record_provider_requests,
    record_stock_requests,
    token_differences,
)
from avatar_core.testing.stock_plugin import IDENTITY
from providers.bey.tests.cases import SETTINGS
from tests.support.vendor_tests import KEY, connect, open_vendor


async def test_create_request_differs_from_the_plugins_only_in_the_token() -> None:
    def make_session(url: str) -> Any:
        return bey.AvatarSession(api_url=url, api_key=KEY, avatar_participant_identity=IDENTITY)

    async with open_vendor(FakeBey) as vendor:
        (stock,) = await record_stock_requests(make_session, vendor)
        (ours,) = await record_provider_requests(connect(BeyProvider, vendor, **SETTINGS), vendor)
        check_differences(find_differences(ours, stock), token_differences("body.token"))
