"""The create request of the provider beside that of livekit-plugins-protoface, unmodified."""

from __future__ import annotations

from typing import Any

from avatar_provider_protoface import ProtofaceProvider
from avatar_provider_protoface.fake import FakeProtoface
from livekit.plugins import protoface

from avatar_core.testing import (
    check_differences,
    find_differences,
    record_provider_requests,
    record_stock_requests,
    token_differences,
)
from avatar_core.testing.stock_plugin import IDENTITY
from providers.protoface.tests.cases import SETTINGS
from tests.support.vendor_tests import KEY, connect, open_vendor

DIFFERENCES = {
    "body.idle_timeout_seconds": "a user may talk for longer than 30 s; avatar-core ends sessions",
    "header idempotency-key": "a repeated request must not create a second session",
    **token_differences("body.transport.worker_token"),
}


async def test_create_request_differs_from_the_plugins_only_as_explained() -> None:
    def make_session(url: str) -> Any:
        return protoface.AvatarSession(
            api_url=url, api_key=KEY, avatar_participant_identity=IDENTITY
        )

    async with open_vendor(FakeProtoface) as vendor:
        (stock,) = await record_stock_requests(make_session, vendor)
        provider = connect(ProtofaceProvider, vendor, **SETTINGS)
        (ours,) = await record_provider_requests(provider, vendor)
        check_differences(find_differences(ours, stock), DIFFERENCES)
