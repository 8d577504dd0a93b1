"""Requests to LemonSlice follow its OpenAPI document, and invalid settings raise an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from avatar_provider_lemonslice import LemonSliceProvider, LemonSliceSettings
from avatar_provider_lemonslice.fake import FakeLemonSlice

from avatar_core import ConfigError
from avatar_core.testing import record_provider_requests
from providers.lemonslice.tests.cases import CASES, ENGINE, IMAGE, SETTINGS
from tests.support.vendor_tests import check_schema, connect, open_vendor

OPENAPI = Path(__file__).parent / "openapi.json"


@pytest.mark.parametrize("name", ["default", *CASES])
async def test_create_request_follows_the_documentation(name: str) -> None:
    async with open_vendor(FakeLemonSlice) as vendor:
        provider = connect(LemonSliceProvider, vendor, **{**SETTINGS, **CASES.get(name, {})})
        (sent,) = await record_provider_requests(provider, vendor)
        assert (sent.method, sent.path) == ("POST", "/api/liveai/sessions")
        check_schema(OPENAPI, "CreateRequest", sent.body)


def test_requests_cover_every_setting() -> None:
    not_sent = {"api_url", "max_session_s", "variant"}
    assert {*SETTINGS, *IMAGE, *ENGINE} == LemonSliceSettings.model_fields.keys() - not_sent


def test_variant_overrides_agent_and_image() -> None:
    settings = LemonSliceSettings.load(
        api_key="k", variant="agent_2", agent_image_url="https://example.com/face.png"
    )
    assert settings.payload()["agent_id"] == "agent_2"
    assert "agent_image_url" not in settings.payload()


@pytest.mark.parametrize("url", ["https://example.com/api", "https://example.com/api/"])
def test_api_url_may_contain_the_path_of_the_sessions(url: str) -> None:
    for suffix in ("", "/liveai/sessions", "/liveai/sessions/"):
        settings = LemonSliceSettings.load(
            api_key="k", agent_id="a", api_url=url.rstrip("/") + suffix
        )
        assert settings.api_url == "https://example.com/api"


def test_settings_come_from_the_variables_of_lemonslice(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "LEMONSLICE_API_KEY": "k",
        "LEMONSLICE_API_URL": "https://lemonslice.com/api/liveai/sessions",
        "LEMONSLICE_AGENT_ID": "agent_abc123",
        "LEMONSLICE_AUDIO_SAMPLE_RATE": "48000",
        "LEMONSLICE_SIMULCAST": "true",
    }.items():
        monkeypatch.setenv(name, value)
    settings = LemonSliceSettings.load()
    assert settings.audio_sample_rate == 48_000
    assert settings.payload()["simulcast"] is True


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ({"agent_id": None}, "Set either LEMONSLICE_AGENT_ID or LEMONSLICE_AGENT_IMAGE_URL"),
        ({"agent_image_url": "https://example.com/a.png"}, "Set either LEMONSLICE_AGENT_ID"),
        ({"agent_id": "a b"}, "LEMONSLICE_AGENT_ID"),
        ({"idle_timeout": -2}, "LEMONSLICE_IDLE_TIMEOUT"),
        ({"audio_sample_rate": 8000}, "LEMONSLICE_AUDIO_SAMPLE_RATE: must be 16000"),
        ({"audio_sample_rate": "fast"}, "LEMONSLICE_AUDIO_SAMPLE_RATE: must be 16000"),
        ({"aspect_ratio": "4x3"}, "LEMONSLICE_ASPECT_RATIO"),
        ({"action_engine": "wild"}, "LEMONSLICE_ACTION_ENGINE"),
        ({"max_session_s": 0}, "LEMONSLICE_MAX_SESSION_S"),
    ],
)
def test_invalid_settings_raise_before_provisioning(
    settings: dict[str, Any], reported: str
) -> None:
    with pytest.raises(ConfigError, match=reported):
        LemonSliceSettings.load(**{**SETTINGS, **settings})
