"""The create request of the provider beside that of livekit-plugins-runway, unmodified."""

from __future__ import annotations

from typing import Any

from avatar_provider_runway import RunwayProvider
from avatar_provider_runway.fake import FakeRunway
from livekit.plugins import runway

from avatar_core.testing import (
    check_differences,
    find_differences,
    record_provider_requests,
    record_stock_requests,
    token_differences,
)
from avatar_core.testing.stock_plugin import IDENTITY
from providers.runway.tests.cases import SETTINGS
from tests.support.vendor_tests import KEY, connect, open_vendor

RENAMED = "Runway's OpenAPI document calls `livekit` deprecated, in favour of `integration`"
DIFFERENCES = {
    "body.maxDuration": "the ledger needs the end that Runway keeps; 300 is Runway's default",
    "body.integration.type": RENAMED,
    **{
        f"body.{room}.{name}": RENAMED
        for room in ("integration", "livekit")
        for name in ("url", "roomName", "agentIdentity")
    },
}


async def test_create_request_differs_from_the_plugins_only_as_explained() -> None:
    def make_session(url: str) -> Any:
        return runway.AvatarSession(
            preset_id="cat-character",
            api_url=url,
            api_key=KEY,
            avatar_participant_identity=IDENTITY,
        )

    async with open_vendor(FakeRunway) as vendor:
        (stock,) = await record_stock_requests(make_session, vendor)
        provider = connect(RunwayProvider, vendor, **SETTINGS)
        (ours,) = await record_provider_requests(provider, vendor)
        room = stock.body["livekit"]
        assert ours.body["integration"] == {
            **room,
            "type": "livekit",
            "token": ours.body["integration"]["token"],
        }
        found = find_differences(ours, stock)
        tokens = {place for place in found if ".token." in place}
        assert {place.partition(".token.")[0] for place in tokens} == {
            "body.integration",
            "body.livekit",
        }
        others = {place: found[place] for place in found.keys() - tokens}
        check_differences(others, DIFFERENCES)
        renamed = type(stock)(
            stock.method,
            stock.path,
            stock.headers,
            stock.content.replace(b'"livekit"', b'"integration"'),
        )
        check_differences(
            {
                place: it
                for place, it in find_differences(ours, renamed).items()
                if ".token." in place
            },
            token_differences("body.integration.token"),
        )
