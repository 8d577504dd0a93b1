"""The settings of Tavus: all are in golden files, and invalid values are refused."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from avatar_provider_tavus import TavusSettings

from avatar_core import ConfigError
from providers.tavus.tests.golden_cases import GOLDEN_CASES


def test_golden_files_cover_every_setting() -> None:
    settable = set(TavusSettings.model_fields) - {
        *("api_key", "api_url", "variant", "persona_id", "replica_id")
    }
    assert {name for case in GOLDEN_CASES.values() for name in case} - {"variant"} == settable


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
