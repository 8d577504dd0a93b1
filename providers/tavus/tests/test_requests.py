"""Requests to Tavus equal golden files that follow its documented API."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from avatar_provider_tavus import TavusSettings

from avatar_core import ConfigError
from providers.tavus.tests.server_harness import TOKEN, shop

GOLDEN = Path(__file__).parent / "golden"
EVERYTHING: dict[str, Any] = {
    "pal_id": "pb87e71797da",
    "face_id": "r0d1a2b3c4e5",
    "max_call_duration": 600,
    "participant_left_timeout": 5,
    "participant_absent_timeout": 90,
    "language": "spanish",
    "custom_greeting": "Hola.",
    "conversational_context": "A shop for shoes.",
    "audio_only": False,
    "test_mode": False,
    "callback_url": "https://example.com/tavus",
    "max_participants": 3,
    "memory_stores": ["anna"],
    "document_ids": ["d1", "d2"],
    "document_tags": ["shoes"],
    "document_retrieval_strategy": "balanced",
    "enable_recording": True,
    "recording_s3_bucket_name": "bucket",
    "recording_s3_bucket_region": "eu-central-1",
    "aws_assume_role_arn": "arn:aws:iam::1:role/tavus",
    "enable_closed_captions": True,
    "apply_greenscreen": True,
}
STORAGE: dict[str, Any] = {
    "enable_recording": True,
    "recording_storage": {
        "provider": "s3",
        "bucket_name": "conversation-recordings",
        "bucket_region": "us-east-1",
        "assume_role_arn": "arn:aws:iam::123456789012:role/TavusRecordingWriter",
        "external_id": "tavus-acct-abc123",
    },
}
CASES: dict[str, dict[str, Any]] = {
    "nothing-chosen": {},
    "face-as-variant": {"variant": "r9f8e7d6c5b4"},
    "own-pal": {"pal_id": "p1"},
    "own-storage": STORAGE,
    "everything": EVERYTHING,
}


@pytest.mark.parametrize("name", CASES)
async def test_create_request_equals_its_golden_file(name: str) -> None:
    async with shop() as at:
        at.tavus.catalogue.add_pal({"default_face_id": "r0d1a2b3c4e5"}, "p1")
        await at.provider(**CASES[name]).provision(at.request())
        ((method, path, body),) = at.tavus.bodies
        assert (method, path) == ("POST", "/v2/conversations")
        assert body["properties"].pop("livekit_room_token") == TOKEN
        golden = json.loads((GOLDEN / f"{name}.json").read_text())
        assert body == golden


async def test_golden_files_cover_every_setting() -> None:
    settable = set(TavusSettings.model_fields) - {
        *("api_key", "api_url", "variant", "persona_id", "replica_id")
    }
    assert {*EVERYTHING, *STORAGE} == settable


def test_old_setting_names_are_accepted_with_one_warning_each() -> None:
    with pytest.warns(
        FutureWarning, match="TAVUS_PERSONA_ID is now called TAVUS_PAL_ID"
    ) as reported:
        settings = TavusSettings.load(api_key="k", persona_id="p1", replica_id="r1")
    assert (settings.pal, settings.face) == ("p1", "r1")
    assert len(reported) == 2


def test_empty_greeting_is_sent_if_code_sets_it() -> None:
    assert TavusSettings.load(api_key="k", custom_greeting="").payload()["custom_greeting"] == ""


def test_environment_variables_with_old_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAVUS_API_KEY", "k")
    monkeypatch.setenv("TAVUS_REPLICA_ID", "r1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert TavusSettings.load().face == "r1"


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ({"api_key": "two\nlines"}, "TAVUS_API_KEY: The key must contain only printable"),
        ({"api_key": ""}, "TAVUS_API_KEY"),
        ({"max_call_duration": 7200}, "TAVUS_MAX_CALL_DURATION: must be less than or equal"),
        ({"participant_absent_timeout": 0}, "TAVUS_PARTICIPANT_ABSENT_TIMEOUT"),
        (
            {"pal_id": "p1", "persona_id": "p1"},
            "TAVUS_PERSONA_ID are both set; unset TAVUS_PERSONA_ID",
        ),
        ({"api_key": "clé"}, "TAVUS_API_KEY: The key must contain only printable ASCII"),
        ({"document_retrieval_strategy": "magic"}, "TAVUS_DOCUMENT_RETRIEVAL_STRATEGY"),
        ({"document_retrieval_strategy": "magicspeed!"}, "TAVUS_DOCUMENT_RETRIEVAL_STRATEGY"),
        ({"pal_id": " p1 "}, "TAVUS_PAL_ID"),
        ({"pal_id": "p1\n"}, "TAVUS_PAL_ID"),
        ({"face_id": "   "}, "TAVUS_FACE_ID"),
        ({"variant": "r1\n"}, "TAVUS_VARIANT"),
        ({"callback_url": "not a url"}, "TAVUS_CALLBACK_URL: must be a valid URL"),
        ({"callback_url": "http://["}, "TAVUS_CALLBACK_URL"),
    ],
)
def test_invalid_settings_raise_before_provisioning(
    settings: dict[str, Any], reported: str
) -> None:
    with pytest.raises(ConfigError, match=reported) as caught:
        TavusSettings.load(**{"api_key": "secret-key", **settings})
    assert "secret-key" not in str(caught.value)
