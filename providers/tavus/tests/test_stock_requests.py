"""The create request of the provider beside that of livekit-plugins-tavus, unmodified."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.plugins import tavus

from avatar_core.testing import (
    check_differences,
    find_differences,
    record_provider_requests,
    record_stock_requests,
    token_differences,
)
from avatar_core.testing.stock_plugin import IDENTITY
from providers.tavus.tests.server_harness import KEY, shop

DIFFERENCES = {
    "body.conversation_name": "our name is unique, so that a lost response can be looked up",
    "body.properties.max_call_duration": "the ledger needs the end that Tavus keeps",
    "body.properties.participant_left_timeout": "a user who reconnects finds the avatar",
    **token_differences("body.properties.livekit_room_token"),
}


async def test_create_request_differs_from_the_plugins_only_as_explained() -> None:
    def make_session(url: str) -> Any:
        return tavus.AvatarSession(
            api_url=f"{url}/v2", api_key=KEY, avatar_participant_identity=IDENTITY
        )

    async with shop() as at:
        (stock,) = await record_stock_requests(make_session, at.tavus)
        (ours,) = await record_provider_requests(at.provider(), at.tavus)
        found = find_differences(ours, stock)
        check_differences(found, DIFFERENCES)
        with pytest.raises(AssertionError, match="header content-type"):
            check_differences(found, {**DIFFERENCES, "header content-type": "no difference"})
        with pytest.raises(AssertionError, match="the test does not explain it"):
            check_differences(found, {})
