"""A provider of another package for `SocketVendor`, as an author would write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

import avatar_core
from avatar_core.testing import MemoryRoom, SocketVendor, VendorAccount, launch_no_worker


class WireSettings(avatar_core.ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="WIRE_")
    provider: ClassVar[str] = "wire"
    api_key: SecretStr = SecretStr("vendor-key")
    api_url: str | None = None


class Wire(avatar_core.WebSocketAvatarProvider[WireSettings]):
    name = "wire"
    api_version = (1, 0)
    capabilities = avatar_core.Capabilities(
        audio=avatar_core.AudioFormat(24_000), reports_started=True, playout_latency_s=0.1
    )
    url = "https://api.wire.example"
    create, end = "POST /v1/sessions", "POST /v1/sessions/{id}/end"
    waits_for_ready = True

    def payload(self, request: avatar_core.ProvisionRequest) -> Mapping[str, Any]:
        token = SecretStr(request.avatar_token())
        return {"name": request.key, "livekit_url": request.livekit_url, "token": token}

    def encode_begin(self, take: avatar_core.Take) -> str:
        return json.dumps({"type": "begin", "take": take.id})

    def encode(self, chunk: bytes, take: avatar_core.Take) -> bytes:
        return chunk

    def encode_end(self, take: avatar_core.Take) -> str:
        return json.dumps({"type": "end"})

    def encode_cut(self, take: avatar_core.Take) -> str:
        return json.dumps({"type": "cut"})

    def encode_keep_alive(self) -> str:
        return json.dumps({"type": "alive"})

    def on_message(self, message: str | bytes) -> avatar_core.SocketFact | None:
        fields = json.loads(message)
        kind, take, played_s = fields["type"], fields.get("take", ""), fields.get("seconds")
        if kind in ("ready", "started", "position"):
            return avatar_core.SocketFact(kind, take, played_s)
        if kind in ("finished", "cut"):
            return avatar_core.SocketFact("finished", take, played_s)
        if kind in ("error", "ended"):
            return avatar_core.SocketFact(kind, text=fields.get("message", ""))
        return None


def vendor_in(room: MemoryRoom) -> SocketVendor:
    """Return a vendor whose avatars join a room in memory."""
    return SocketVendor(VendorAccount(launch_no_worker, room=room))


def room_of(vendor: SocketVendor) -> MemoryRoom:
    """Return the room that the avatars of a vendor join."""
    assert isinstance(vendor.account.room, MemoryRoom)
    return vendor.account.room


def provider_of(vendor: SocketVendor, **attributes: Any) -> Wire:
    """Return a provider that calls a vendor in memory, with other attributes of its class."""
    names = {"transport": vendor.transport, "connect": vendor.connect, **attributes}
    cls: type[Wire] = type("WireInMemory", (Wire,), names)
    return cls(WireSettings())
