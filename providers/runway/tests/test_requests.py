"""Requests to Runway follow its OpenAPI document, and invalid settings raise an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from avatar_provider_runway import RunwayProvider, RunwaySettings
from avatar_provider_runway.fake import READY_AVATAR, FakeRunway

from avatar_core import ConfigError
from avatar_core.testing import record_provider_requests
from providers.runway.tests.cases import CASES, EVERYTHING, SETTINGS
from tests.support.vendor_tests import check_schema, connect, open_vendor

OPENAPI = Path(__file__).parent / "openapi.json"


@pytest.mark.parametrize("name", ["default", *CASES])
async def test_create_request_follows_the_openapi_document(name: str) -> None:
    async with open_vendor(FakeRunway) as vendor:
        provider = connect(RunwayProvider, vendor, **{**SETTINGS, **CASES.get(name, {})})
        (sent,) = await record_provider_requests(provider, vendor)
        assert (sent.method, sent.path) == ("POST", "/v1/realtime_sessions")
        assert sent.headers["x-runway-version"] == "2024-11-06"
        check_schema(OPENAPI, "CreateRequest", sent.body)


def test_requests_cover_every_setting() -> None:
    not_sent = {"api_url", "variant"}
    assert {*SETTINGS, *EVERYTHING} == RunwaySettings.model_fields.keys() - not_sent


@pytest.mark.parametrize("variable", ["RUNWAYML_AVATAR_ID", "RUNWAY_AVATAR_ID"])
def test_settings_come_from_the_variables_of_runway(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "RUNWAYML_API_SECRET": "k",
        "RUNWAYML_BASE_URL": "https://runway.example",
        "RUNWAYML_MAX_DURATION": "60",
        variable: READY_AVATAR,
    }.items():
        monkeypatch.setenv(name, value)
    settings = RunwaySettings.load()
    assert (settings.api_key.get_secret_value(), settings.api_url) == (
        "k",
        "https://runway.example",
    )
    assert settings.payload() == {
        "avatar": {"type": "custom", "avatarId": READY_AVATAR},
        "maxDuration": 60,
    }


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ({"preset_id": None}, "Set either RUNWAYML_AVATAR_ID or RUNWAYML_PRESET_ID"),
        ({"avatar_id": READY_AVATAR}, "Set either RUNWAYML_AVATAR_ID or RUNWAYML_PRESET_ID"),
        ({"preset_id": "cat character"}, "RUNWAYML_PRESET_ID"),
        ({"preset_id": ""}, "RUNWAYML_PRESET_ID"),
        ({"max_duration": 9}, "RUNWAYML_MAX_DURATION: must be greater than or equal to 10"),
        ({"max_duration": 1801}, "RUNWAYML_MAX_DURATION: must be less than or equal to 1800"),
        ({"start_script": "x" * 2001}, "RUNWAYML_START_SCRIPT"),
        ({"tools": [{}] * 21}, "RUNWAYML_TOOLS"),
        ({"api_key": "two\nlines"}, "RUNWAYML_API_SECRET: The key must contain only printable"),
    ],
)
def test_invalid_settings_raise_before_provisioning(
    settings: dict[str, Any], reported: str
) -> None:
    with pytest.raises(ConfigError, match=reported):
        RunwaySettings.load(**{**SETTINGS, **settings})
