"""Requests to Anam follow its OpenAPI document, and invalid settings raise an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from avatar_provider_anam import AnamProvider, AnamSettings
from avatar_provider_anam.fake import FakeAnam

from avatar_core import ConfigError
from avatar_core.testing import record_provider_requests
from providers.anam.tests.cases import CASES, EVERYTHING, PROMPT, SETTINGS
from tests.support.vendor_tests import check_schema, connect, open_vendor

OPENAPI = Path(__file__).parent / "openapi.json"


@pytest.mark.parametrize("name", ["default", *CASES])
async def test_create_request_follows_the_documentation(name: str) -> None:
    async with open_vendor(FakeAnam) as vendor:
        provider = connect(AnamProvider, vendor, **{**SETTINGS, **CASES.get(name, {})})
        (sent,) = await record_provider_requests(provider, vendor)
        assert (sent.method, sent.path) == ("POST", "/v1/engine/session")
        check_schema(OPENAPI, "CreateSession", sent.body)


def test_requests_cover_every_setting() -> None:
    not_sent = {"api_url", "variant"}
    assert {*SETTINGS, *EVERYTHING, *PROMPT} == AnamSettings.model_fields.keys() - not_sent


def test_variant_is_a_style_or_an_avatar() -> None:
    styled = AnamSettings.load(api_key="k", avatar_id="a1", preset_style="sad", variant="warm")
    assert (styled.avatar, styled.style) == ("a1", "warm")
    other = AnamSettings.load(api_key="k", avatar_id="a1", preset_style="sad", variant="a2")
    assert (other.avatar, other.style) == ("a2", "sad")


def test_error_names_all_missing_settings() -> None:
    with pytest.raises(ConfigError, match="ANAM_API_KEY: is not set; ANAM_AVATAR_ID: is not set"):
        AnamSettings.load()


def test_settings_come_from_the_variables_of_anam(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ANAM_API_KEY": "k",
        "ANAM_AVATAR_ID": "a1",
        "ANAM_EXPRESSIVITY": "0.3",
        "ANAM_SHOW_AI_AVATAR_DISCLOSURE": "true",
    }.items():
        monkeypatch.setenv(name, value)
    assert AnamSettings.load().payload() == {
        "personaConfig": {
            "type": "ephemeral",
            "name": "avatar",
            "avatarId": "a1",
            "llmId": "CUSTOMER_CLIENT_V1",
            "maxSessionLengthSeconds": 3600,
            "directorNotes": {"expressivity": 0.3},
        },
        "sessionOptions": {"showAIAvatarDisclosure": True},
    }


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ({"api_key": "sk-abc\n"}, "ANAM_API_KEY: The key must contain only printable"),
        ({"avatar_id": ""}, "ANAM_AVATAR_ID: is not set"),
        ({"avatar_id": "", "variant": "warm"}, "ANAM_AVATAR_ID: is not set"),
        ({"avatar_id": "a b"}, "ANAM_AVATAR_ID"),
        ({"expressivity": 1.1}, "ANAM_EXPRESSIVITY: must be less than or equal to 1"),
        ({"preset_style": "grumpy"}, "ANAM_PRESET_STYLE: must be 'happy'"),
        ({**PROMPT, "preset_style": "warm"}, "Set only one of ANAM_PRESET_STYLE and ANAM_CUSTOM"),
        ({**PROMPT, "variant": "warm"}, "Set only one of ANAM_PRESET_STYLE and ANAM_CUSTOM"),
        ({"custom_style_prompt": "x" * 2001}, "ANAM_CUSTOM_STYLE_PROMPT"),
        ({"video_width": 1152}, "Set both ANAM_VIDEO_WIDTH and ANAM_VIDEO_HEIGHT"),
        ({"video_quality": "low"}, "ANAM_VIDEO_QUALITY"),
        ({"max_session_length_seconds": 0}, "ANAM_MAX_SESSION_LENGTH_SECONDS"),
        ({"avatar_model": "Cara 4"}, "ANAM_AVATAR_MODEL"),
    ],
)
def test_invalid_settings_raise_before_provisioning(
    settings: dict[str, Any], reported: str
) -> None:
    with pytest.raises(ConfigError, match=reported):
        AnamSettings.load(**{**SETTINGS, **settings})
