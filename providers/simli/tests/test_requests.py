"""Requests to Simli follow its OpenAPI document, and invalid settings raise an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from avatar_provider_simli import SimliProvider, SimliSettings
from avatar_provider_simli.fake import FakeSimli

from avatar_core import ConfigError
from avatar_core.testing import record_provider_requests
from providers.simli.tests.cases import CASES, EMOTION, EVERYTHING, FACE, OTHER, SETTINGS
from tests.support.vendor_tests import check_schema, connect, open_vendor

OPENAPI = Path(__file__).parent / "openapi.json"


@pytest.mark.parametrize(
    ("name", "face"),
    [("default", FACE), ("everything", f"{FACE}/{EMOTION}"), ("variant", f"{OTHER}/{EMOTION}")],
)
async def test_requests_follow_the_documentation(name: str, face: str) -> None:
    async with open_vendor(FakeSimli) as vendor:
        provider = connect(SimliProvider, vendor, **{**SETTINGS, **CASES.get(name, {})})
        token, session = await record_provider_requests(provider, vendor)
        assert (token.method, token.path) == ("POST", "/compose/token")
        assert token.body["faceId"] == face
        check_schema(OPENAPI, "StartStreamingSessionRequest", token.body)
        assert (session.method, session.path) == ("POST", "/integrations/livekit/agents")
        check_schema(OPENAPI, "LiveKitInitializationRequest", session.body)


def test_requests_cover_every_setting() -> None:
    not_sent = {"api_url", "variant"}
    assert {*SETTINGS, *EVERYTHING} == SimliSettings.model_fields.keys() - not_sent


def test_variant_overrides_face_and_emotion() -> None:
    settings = SimliSettings.load(api_key="k", face_id="f1", emotion_id="e1", variant="f2")
    assert settings.face == "f2"


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ({"api_key": "clé"}, "SIMLI_API_KEY: The key must contain only printable"),
        ({"face_id": ""}, "SIMLI_FACE_ID: is not set"),
        ({"face_id": "f1/e1"}, "SIMLI_FACE_ID"),
        ({"variant": "f1/e1/x"}, "SIMLI_VARIANT"),
        ({"emotion_id": ""}, "SIMLI_EMOTION_ID"),
        ({"max_session_length": 0}, "SIMLI_MAX_SESSION_LENGTH"),
        ({"max_idle_time": 0}, "SIMLI_MAX_IDLE_TIME"),
        ({"start_frame": -1}, "SIMLI_START_FRAME"),
        ({"api_version": "v3"}, "SIMLI_API_VERSION: must be 'v2'"),
    ],
)
def test_invalid_settings_raise_before_provisioning(
    settings: dict[str, Any], reported: str
) -> None:
    with pytest.raises(ConfigError, match=reported):
        SimliSettings.load(**{**SETTINGS, **settings})
