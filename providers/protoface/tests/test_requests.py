"""Requests to Protoface follow its OpenAPI document, and invalid settings raise an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from avatar_provider_protoface import ProtofaceProvider, ProtofaceSettings
from avatar_provider_protoface.fake import FakeProtoface

from avatar_core import ConfigError
from avatar_core.testing import record_provider_requests
from providers.protoface.tests.cases import CASES, EVERYTHING, SETTINGS
from tests.support.vendor_tests import check_schema, connect, open_vendor

OPENAPI = Path(__file__).parent / "openapi.json"


@pytest.mark.parametrize("name", ["default", *CASES])
async def test_create_request_follows_the_openapi_document(name: str) -> None:
    async with open_vendor(FakeProtoface) as vendor:
        provider = connect(ProtofaceProvider, vendor, **{**SETTINGS, **CASES.get(name, {})})
        (sent,) = await record_provider_requests(provider, vendor)
        assert (sent.method, sent.path) == ("POST", "/v1/sessions")
        assert 1 <= len(sent.headers["idempotency-key"]) <= 255
        check_schema(OPENAPI, "SessionCreateRequest", sent.body)


def test_requests_cover_every_setting() -> None:
    not_sent = {"api_url", "variant"}
    assert {*SETTINGS, *EVERYTHING} == ProtofaceSettings.model_fields.keys() - not_sent


def test_settings_come_from_the_variables_of_protoface(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PROTOFACE_API_KEY": "k",
        "PROTOFACE_API_URL": "https://protoface.example",
        "PROTOFACE_AVATAR_ID": "av_1",
        "PROTOFACE_METADATA": '{"customer": "anna"}',
    }.items():
        monkeypatch.setenv(name, value)
    settings = ProtofaceSettings.load()
    assert settings.api_url == "https://protoface.example"
    assert settings.payload() == {
        "avatar_id": "av_1",
        "idle_timeout_seconds": 300,
        "metadata": {"customer": "anna"},
    }


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ({"avatar_id": ""}, "PROTOFACE_AVATAR_ID"),
        ({"avatar_id": "av 1"}, "PROTOFACE_AVATAR_ID"),
        ({"variant": "av/1"}, "PROTOFACE_VARIANT"),
        ({"quality": "best"}, "PROTOFACE_QUALITY: must be 'mock', 'lite', 'standard' or 'pro'"),
        ({"idle_timeout_seconds": 601}, "PROTOFACE_IDLE_TIMEOUT_SECONDS"),
        ({"max_duration_seconds": 0}, "PROTOFACE_MAX_DURATION_SECONDS"),
        ({"metadata": {"deep": {"a": 1}}}, "PROTOFACE_METADATA"),
    ],
)
def test_invalid_settings_raise_before_provisioning(
    settings: dict[str, Any], reported: str
) -> None:
    with pytest.raises(ConfigError, match=reported):
        ProtofaceSettings.load(**{**SETTINGS, **settings})
