"""The create request of the provider beside that of livekit-plugins-anam, unmodified."""

from __future__ import annotations

from typing import Any

import pytest
from avatar_provider_anam import AnamProvider
from avatar_provider_anam.fake import FakeAnam
from livekit.plugins import anam

from avatar_core.testing import (
    check_differences,
    find_differences,
    record_provider_requests,
    record_stock_requests,
    token_differences,
)
from avatar_core.testing.stock_plugin import IDENTITY
from providers.anam.tests.cases import AVATAR, SETTINGS
from tests.support.vendor_tests import KEY, connect, open_vendor

DIFFERENCES = {
    "body.clientLabel": "a unique label, so that a session can be found after a lost response",
    "body.personaConfig.maxSessionLengthSeconds": "no call ends a session in a LiveKit room",
    **token_differences("body.environment.livekitToken"),
}
NOTES = anam.DirectorNotes(expressivity=0.5, presetStyle="warm")
OPTIONS = anam.SessionOptions(video_width=1152, video_height=768, show_ai_avatar_disclosure=True)


@pytest.mark.parametrize(
    ("persona", "options", "settings"),
    [
        ({}, {}, {}),
        (
            {"avatarModel": "cara-4", "directorNotes": NOTES},
            {"session_options": OPTIONS},
            {
                "avatar_model": "cara-4",
                "expressivity": 0.5,
                "preset_style": "warm",
                "video_width": 1152,
                "video_height": 768,
                "show_ai_avatar_disclosure": True,
            },
        ),
    ],
    ids=["default", "every option of the plugin"],
)
async def test_create_request_differs_from_the_plugins_only_as_explained(
    persona: dict[str, Any], options: dict[str, Any], settings: dict[str, Any]
) -> None:
    def make_session(url: str) -> Any:
        return anam.AvatarSession(
            persona_config=anam.PersonaConfig(name="avatar", avatarId=AVATAR, **persona),
            api_url=url,
            api_key=KEY,
            avatar_participant_identity=IDENTITY,
            **options,
        )

    async with open_vendor(FakeAnam) as vendor:
        (stock,) = await record_stock_requests(make_session, vendor)
        provider = connect(AnamProvider, vendor, **SETTINGS, **settings)
        (ours,) = await record_provider_requests(provider, vendor)
        check_differences(find_differences(ours, stock), DIFFERENCES)
