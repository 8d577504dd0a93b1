"""The requests of the provider beside those of livekit-plugins-simli, unmodified."""

from __future__ import annotations

from typing import Any

from avatar_provider_simli import SimliProvider
from avatar_provider_simli.fake import FakeSimli
from livekit.plugins import simli

from avatar_core.testing import (
    check_differences,
    find_differences,
    record_provider_requests,
    record_stock_requests,
    token_differences,
)
from avatar_core.testing.stock_plugin import IDENTITY
from providers.simli.tests.cases import EMOTION, FACE, SETTINGS
from tests.support.vendor_tests import KEY, connect, open_vendor

TOKEN_REQUEST = {
    "body.faceId": "without a setting, Simli chooses the emotion",
    "body.maxIdleTime": "Simli's own default; a user may talk for longer than 30 s",
    "body.maxSessionLength": "Simli's own default; avatar-core ends the session before",
}
SESSION_REQUEST = {
    "body.session_token": "each session has its own token",
    "header x-simli-api-key": "Simli's documentation lists the key for every call",
    **token_differences("body.livekit_token"),
}


async def test_requests_differ_from_the_plugins_only_as_explained() -> None:
    def make_session(url: str) -> Any:
        return simli.AvatarSession(
            simli_config=simli.SimliConfig(api_key=KEY, face_id=FACE),
            api_url=url,
            avatar_participant_identity=IDENTITY,
        )

    async with open_vendor(FakeSimli) as vendor:
        stock = await record_stock_requests(make_session, vendor)
        ours = await record_provider_requests(connect(SimliProvider, vendor, **SETTINGS), vendor)
        explained = (TOKEN_REQUEST, SESSION_REQUEST)
        for pair in zip(ours, stock, explained, strict=True):
            check_differences(find_differences(pair[0], pair[1]), pair[2])


async def test_settings_of_the_plugin_give_the_same_token_request() -> None:
    options = {"emotion_id": EMOTION, "max_session_length": 600, "max_idle_time": 30}
    config = simli.SimliConfig(api_key=KEY, face_id=FACE)
    async with open_vendor(FakeSimli) as vendor:
        provider = connect(SimliProvider, vendor, **SETTINGS, **options)
        assert provider.settings.payload() == config.create_json()
