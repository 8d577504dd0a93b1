"""Requests and commands follow LiveAvatar's documentation, and invalid settings raise an error."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from avatar_provider_liveavatar import LiveAvatarSettings
from avatar_provider_liveavatar.settings import SANDBOX_AVATAR

from avatar_core import AudioFormat, ConfigError, ProvisionedAvatar, SocketFact, Take
from avatar_core.testing import record_provider_requests
from providers.liveavatar.tests.cases import AVATAR, EVERYTHING, SETTINGS, connect, open_api
from tests.support.vendor_tests import check_schema

OPENAPI = Path(__file__).parent / "openapi.json"
CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "everything": EVERYTHING,
    "variant": {"variant": AVATAR, "avatar_id": None},
    "sandbox": {"is_sandbox": True, "avatar_id": None},
}


@pytest.mark.parametrize("name", CASES)
async def test_requests_follow_the_openapi_document(name: str) -> None:
    async with open_api() as vendor:
        provider = connect(vendor, **CASES[name])
        create, start = await record_provider_requests(provider, vendor)
        assert (create.method, create.path) == ("POST", "/v1/sessions/token")
        check_schema(OPENAPI, "LiteSDKSessionTokenConfigDataSchema", create.body)
        assert create.headers["x-api-key"] == "vendor-key"
        assert (start.method, start.path, start.content) == ("POST", "/v1/sessions/start", b"")
        assert start.headers["authorization"].startswith("Bearer session-token-")
        assert "x-api-key" not in start.headers


async def test_stop_request_follows_the_openapi_document() -> None:
    async with open_api() as vendor:
        provider = connect(vendor)
        await record_provider_requests(provider, vendor)
        (session,) = vendor.account.sessions
        await provider.release(ProvisionedAvatar(session_id=session.id, identity="avatar"), "over")
        stop = vendor.recorded[-1]
        assert (stop.method, stop.path) == ("POST", "/v1/sessions/stop")
        check_schema(OPENAPI, "StopSessionSchema", stop.body)
        assert stop.body["session_id"] == session.id


def test_requests_cover_every_setting() -> None:
    not_sent = {"api_url", "variant"}
    assert {*SETTINGS, *EVERYTHING} == LiveAvatarSettings.model_fields.keys() - not_sent


async def test_commands_have_the_documented_fields() -> None:
    async with open_api() as vendor:
        provider, take = connect(vendor), Take(1, AudioFormat(24_000))
        speak = json.loads(provider.encode(b"\1\2\3\4", take))
        assert base64.b64decode(speak.pop("audio")) == b"\1\2\3\4"
        commands = [
            speak,
            *(json.loads(command) for command in provider.encode_end(take)),
            json.loads(provider.encode_cut(take)),
            json.loads(provider.encode_keep_alive()),
        ]
        assert all(command.keys() == {"type", "event_id"} for command in commands)
        assert len({command["event_id"] for command in commands}) == len(commands)
        assert [command["type"] for command in commands] == [
            *("agent.speak", "agent.speak_end", "agent.start_listening"),
            *("agent.interrupt", "session.keep_alive"),
        ]


@pytest.mark.parametrize(
    ("event", "fact"),
    [
        ({"type": "session.state_updated", "state": "connected"}, "ready"),
        ({"type": "session.state_updated", "state": "connecting"}, None),
        ({"type": "session.state_updated", "state": "closed"}, "ended"),
        ({"type": "agent.speak_started", "event_id": "e", "task": {"id": "t"}}, "started"),
        ({"type": "agent.speak_ended", "event_id": "e", "task": {"id": "t"}}, "finished"),
        ({"type": "agent.speak_interrupted"}, "finished"),
        ({"type": "agent.state_updated", "state": "idle"}, None),
        ({"type": "agent.audio_buffer_appended"}, None),
        ({"type": "error", "error": "unknown command"}, None),
    ],
)
async def test_events_state_their_facts(event: dict[str, Any], fact: str | None) -> None:
    async with open_api() as vendor:
        found = connect(vendor).on_message(json.dumps(event))
        assert (found.kind if isinstance(found, SocketFact) else None) == fact


def test_settings_come_from_the_variables_of_liveavatar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEAVATAR_API_KEY", "k")
    monkeypatch.setenv("LIVEAVATAR_IS_SANDBOX", "1")
    monkeypatch.setenv("LIVEAVATAR_MAX_SESSION_DURATION", "300")
    settings = LiveAvatarSettings.load()
    assert settings.payload() == {
        "mode": "LITE",
        "avatar_id": SANDBOX_AVATAR,
        "is_sandbox": True,
        "max_session_duration": 300,
    }


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ({"avatar_id": None}, "Set LIVEAVATAR_AVATAR_ID"),
        ({"avatar_id": "wayne"}, "LIVEAVATAR_AVATAR_ID"),
        ({"variant": "../../x"}, "LIVEAVATAR_VARIANT"),
        ({"video_quality": "best"}, "LIVEAVATAR_VIDEO_QUALITY: must be 'very_high', 'high'"),
        ({"video_encoding": "AV1"}, "LIVEAVATAR_VIDEO_ENCODING: must be 'VP8' or 'H264'"),
        ({"max_session_duration": 0}, "LIVEAVATAR_MAX_SESSION_DURATION"),
        ({"api_key": "two\nlines"}, "LIVEAVATAR_API_KEY"),
    ],
)
def test_invalid_settings_raise_before_provisioning(
    settings: dict[str, Any], reported: str
) -> None:
    with pytest.raises(ConfigError, match=reported):
        LiveAvatarSettings.load(**{**SETTINGS, **settings})
