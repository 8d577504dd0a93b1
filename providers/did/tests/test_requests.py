"""Requests to D-ID follow its plugin for LiveKit, because D-ID documents no create request.

Invalid settings raise an error.
"""

from __future__ import annotations

from typing import Any

import pytest
from avatar_provider_did import DidProvider, DidSettings
from avatar_provider_did.fake import FakeDid

from avatar_core import ConfigError
from avatar_core.testing import record_provider_requests
from providers.did.tests.cases import AGENT, CASES, SETTINGS
from tests.support.vendor_tests import connect, open_vendor


@pytest.mark.parametrize(
    ("name", "rate_hz"), [("default", 24_000), ("rate", 48_000), ("agent-as-variant", 24_000)]
)
async def test_create_request_names_agent_room_and_audio_format(name: str, rate_hz: int) -> None:
    async with open_vendor(FakeDid) as vendor:
        provider = connect(DidProvider, vendor, **{**SETTINGS, **CASES.get(name, {})})
        (sent,) = await record_provider_requests(provider, vendor)
        assert (sent.method, sent.path) == ("POST", f"/v2/agents/{AGENT}/sessions/join")
        assert sent.headers["authorization"] == "Basic vendor-key"
        assert sent.body.keys() == {"transport", "audio_config"}
        assert {*sent.body["transport"]} == {"provider", "server_url", "token", "room_name"}
        assert sent.body["audio_config"] == {"sample_rate": rate_hz}


def test_variant_overrides_the_agent() -> None:
    assert DidSettings.load(api_key="k", agent_id="a1", variant="a2").agent == "a2"


def test_settings_come_from_the_variables_of_did(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("API_KEY", "k"), ("AGENT_ID", "a1"), ("SAMPLE_RATE", "16000")):
        monkeypatch.setenv(f"DID_{name}", value)
    assert DidSettings.load().payload() == {"audio_config": {"sample_rate": 16_000}}


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ({"api_key": "two words"}, "DID_API_KEY: The key must contain only printable"),
        ({"agent_id": ""}, "DID_AGENT_ID: is not set"),
        ({"agent_id": "a/b"}, "DID_AGENT_ID"),
        ({"agent_id": "{settings}"}, "DID_AGENT_ID"),
        ({"sample_rate": 8000}, "DID_SAMPLE_RATE: must be 16000"),
        ({"max_session_s": 1}, "DID_MAX_SESSION_S"),
    ],
)
def test_invalid_settings_raise_before_provisioning(
    settings: dict[str, Any], reported: str
) -> None:
    with pytest.raises(ConfigError, match=reported):
        DidSettings.load(**{**SETTINGS, **settings})
