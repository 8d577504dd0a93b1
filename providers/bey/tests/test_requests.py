"""Requests to Beyond Presence follow its OpenAPI document, and invalid settings raise an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from avatar_provider_bey import BeyProvider, BeySettings
from avatar_provider_bey.fake import FakeBey

from avatar_core import ConfigError
from avatar_core.testing import record_provider_requests
from providers.bey.tests.cases import AVATAR, CASES, SETTINGS, UNTRAINED
from tests.support.vendor_tests import check_schema, connect, open_vendor

OPENAPI = Path(__file__).parent / "openapi.json"


@pytest.mark.parametrize(
    ("name", "avatar"),
    [("default", AVATAR), ("own-avatar", UNTRAINED), ("avatar-as-variant", UNTRAINED)],
)
async def test_create_request_follows_the_documentation(name: str, avatar: str) -> None:
    async with open_vendor(FakeBey) as vendor:
        provider = connect(BeyProvider, vendor, **{**SETTINGS, **CASES.get(name, {})})
        (sent,) = await record_provider_requests(provider, vendor)
        assert (sent.method, sent.path) == ("POST", "/v1/sessions")
        assert sent.body["avatar_id"] == avatar
        check_schema(OPENAPI, "CreateLivekitSessionRequest", sent.body)
        shown = await provider.rest.call("GET", f"/v1/sessions/{vendor.account.sessions[0].id}")
        assert shown.text("status.type") == "to_start"


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ({"api_key": ""}, "BEY_API_KEY: The key must not be empty"),
        ({"avatar_id": "a b"}, "BEY_AVATAR_ID"),
        ({"avatar_id": ""}, "BEY_AVATAR_ID"),
        ({"variant": "a/b"}, "BEY_VARIANT"),
        ({"max_session_s": 0}, "BEY_MAX_SESSION_S"),
    ],
)
def test_invalid_settings_raise_before_provisioning(
    settings: dict[str, Any], reported: str
) -> None:
    with pytest.raises(ConfigError, match=reported):
        BeySettings.load(**{**SETTINGS, **settings})
