"""Arguments and variables with which each installed avatar plugin of LiveKit can start."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any, NamedTuple

import pytest

from avatar_core.agents.bridge.arguments import variable_of
from tests.support import sdk_session
from tests.support.recording_vendor import RecordingVendor

KEY = "a-vendor-key-that-no-message-may-quote"


class PluginCase(NamedTuple):
    """One plugin of the matrix.

    `ends` says whether the plugin ends its session at the vendor, and `has_sdk` whether it uses an
    SDK of its vendor, which `tests.support.sdk_session` replaces. `in_memory` says whether the
    plugin can work in a room in memory.
    """

    name: str
    arguments: dict[str, Any]
    variables: tuple[str, ...]
    ends: bool = False
    has_sdk: bool = False
    in_memory: bool = True

    def set_up(self, patch: pytest.MonkeyPatch, vendor: RecordingVendor | None = None) -> None:
        """Set the variables of the plugin, and replace an SDK, which would use the network."""
        if self.has_sdk and vendor is not None:
            sdk_session.install(patch, self.name, vendor)
        for variable in self.variables:
            patch.setenv(variable, "https://boson.example" if variable.endswith("API_URL") else KEY)
        if self.arguments:
            patch.setenv(variable_of(self.name), json.dumps(self.arguments))

    def __str__(self) -> str:
        return self.name


_INSTALLED = (
    PluginCase("anam", {"persona_config": {"name": "A", "avatarId": "f"}}, ("ANAM_API_KEY",)),
    PluginCase("anva", {"avatar_id": "a"}, ("ANVA_API_KEY",), ends=True),
    PluginCase("atmee", {"avatar_id": "a"}, ("ATMEE_API_KEY",), ends=True),
    PluginCase("avatario", {}, ("AVATARIO_API_KEY", "AVATARIO_AVATAR_ID")),
    PluginCase("bey", {}, ("BEY_API_KEY",)),
    PluginCase(
        "boson-avatar",
        {},
        ("BOSON_API_KEY", "BOSON_AVATAR_API_URL", "BOSON_AVATAR_ID"),
        ends=True,
    ),
    PluginCase("did", {"agent_id": "a"}, ("DID_API_KEY",)),
    PluginCase("keyframe", {"persona_id": "p"}, ("KEYFRAME_API_KEY",)),
    PluginCase("lemonslice", {"agent_id": "a"}, ("LEMONSLICE_API_KEY",)),
    PluginCase("liveavatar", {}, ("LIVEAVATAR_API_KEY", "LIVEAVATAR_AVATAR_ID"), ends=True),
    PluginCase("protoface", {}, ("PROTOFACE_API_KEY",), ends=True),
    PluginCase("runway", {"avatar_id": "a"}, ("RUNWAYML_API_SECRET",), ends=True),
    PluginCase("simli", {"simli_config": {"api_key": KEY, "face_id": "f"}}, ()),
    PluginCase(
        "spatius",
        {},
        ("SPATIUS_API_KEY", "SPATIUS_APP_ID", "SPATIUS_AVATAR_ID"),
        ends=True,
        has_sdk=True,
    ),
    PluginCase(
        "spatialreal",
        {},
        ("SPATIALREAL_API_KEY", "SPATIALREAL_APP_ID", "SPATIALREAL_AVATAR_ID"),
        ends=True,
        has_sdk=True,
        in_memory=False,  # it subscribes to the tracks of its avatar
    ),
    PluginCase("synthesia", {"avatar_config": {"avatar_ids": ["a"]}}, ("SYNTHESIA_API_KEY",)),
    PluginCase("tavus", {}, ("TAVUS_API_KEY", "TAVUS_FACE_ID", "TAVUS_PAL_ID")),
    PluginCase("trugen", {"avatar_id": "a"}, ("TRUGEN_API_KEY",)),
)
_OPTIONAL = (PluginCase("bithuman", {"avatar_id": "a", "api_secret": "eyJ.e30.x"}, ()),)
"""Plugins that the set-up does not install: the package bithuman has 150 MB. They run if they are
installed, with `pip install livekit-plugins-bithuman`."""
PLUGINS = (
    *_INSTALLED,
    *(case for case in _OPTIONAL if find_spec(f"livekit.plugins.{case.name}") is not None),
)
