"""The requests of the provider beside those of livekit-plugins-liveavatar, unmodified."""

from __future__ import annotations

from typing import Any

from livekit.plugins import liveavatar

from avatar_core.testing import (
    check_differences,
    find_differences,
    record_provider_requests,
    record_stock_requests,
    token_differences,
)
from avatar_core.testing.stock_plugin import IDENTITY
from providers.liveavatar.tests.cases import AVATAR, SETTINGS, connect, open_api

TOKEN_REQUEST = {
    "body.video_quality": "the documentation has the option only in video_settings",
    "body.video_settings.quality": "the documented place of the option",
    **token_differences("body.livekit_config.livekit_client_token"),
}
START_REQUEST = {
    "body": "the documented request has no body",
    "body.session_id": "the token names the session",
    "header authorization": "each session has a token of its own",
}


async def test_requests_differ_from_those_of_the_plugin_only_as_explained() -> None:
    def make_session(url: str) -> Any:
        return liveavatar.AvatarSession(
            api_url=f"{url}/v1/sessions",
            api_key=SETTINGS["api_key"],
            avatar_id=AVATAR,
            video_quality="high",
            avatar_participant_identity=IDENTITY,
        )

    async with open_api() as vendor:
        stock = await record_stock_requests(make_session, vendor)
        ours = await record_provider_requests(connect(vendor, video_quality="high"), vendor)
        check_differences(find_differences(ours[0], stock[0]), TOKEN_REQUEST)
        check_differences(find_differences(ours[1], stock[1]), START_REQUEST)
