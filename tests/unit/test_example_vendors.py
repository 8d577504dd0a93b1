"""The example providers of examples/providers, with fakes of their vendors."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from avatar_core.contracts.errors import SettingsError
from avatar_core.http.memory import FakeResponse
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.responses import json_response
from avatar_core.testing.faults.scenario import QUIET, Scenario
from avatar_core.testing.rest_harness import silent_workers
from avatar_core.testing.room.room import MemoryRoom

ROOT = Path(__file__).parents[2] / "examples/providers"
for name in ("anam",):
    sys.path.insert(0, str(ROOT / name / "src"))

import avatar_provider_anam as anam  # noqa: E402

pytestmark = pytest.mark.virtual_time
MAX_LINES = 40


class DocumentedVendor(FakeVendor):
    """A fake vendor with the routes of another vendor.

    Attributes:
        calls: Route, credential and JSON body of each call.
    """

    credential_header = ""

    def __init__(self, account: VendorAccount) -> None:
        super().__init__(account)
        self.calls: list[tuple[str, str, Any]] = []

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> FakeResponse:
        payload = json.loads(body)
        self.calls.append((f"{method} {path}", headers[self.credential_header], payload))
        return self.respond(path, payload, worker)

    def respond(self, path: str, payload: Any, worker: Scenario) -> FakeResponse:
        raise NotImplementedError

    def create_session(self, url: str, token: str, worker: Scenario) -> str:
        session = self.account.create_session(
            name="", key="", token=token, livekit_url=url, scenario=worker
        )
        return session.id


class Anam(DocumentedVendor):
    credential_header = "authorization"

    def respond(self, path: str, payload: Any, worker: Scenario) -> FakeResponse:
        room = payload["environment"]
        id = self.create_session(room["livekitUrl"], room["livekitToken"], worker)
        return json_response(200, {"sessionId": id})


def test_example_providers_have_at_most_40_lines() -> None:
    for name in ("anam",):
        (module,) = (ROOT / name).rglob("__init__.py")
        assert len(module.read_text().splitlines()) <= MAX_LINES


def test_error_names_a_key_that_cannot_be_sent() -> None:
    with pytest.raises(SettingsError, match="ANAM_API_KEY: The key must contain only printable"):
        anam.AnamSettings.load(api_key="sk-abc\n", avatar_id="x")


def test_error_names_all_missing_settings() -> None:
    with pytest.raises(SettingsError, match="ANAM_API_KEY: is not set; ANAM_AVATAR_ID: is not set"):
        anam.AnamSettings.load()


async def test_anam_session_ends_by_removing_its_worker() -> None:
    room = MemoryRoom()
    vendor = Anam(VendorAccount(silent_workers(room)))
    settings = anam.AnamSettings.load(api_key="key-1", avatar_id="face-1")
    provider = type("P", (anam.AnamProvider,), {"transport": vendor.transport})(settings)
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    lease = await harness.controller.wait_until_settled()
    assert lease is not None
    (session,) = vendor.account.sessions
    assert vendor.calls == [
        (
            "POST /v1/engine/session",
            "Bearer key-1",
            {
                "personaConfig": {
                    "type": "ephemeral",
                    "llmId": "CUSTOMER_CLIENT_V1",
                    "name": "avatar",
                    "avatarId": "face-1",
                },
                "environment": {
                    "livekitUrl": "wss://memory.example",
                    "livekitToken": session.token,
                },
            },
        )
    ]
    assert lease.avatar.identity in room.members
    await harness.close()
    assert lease.avatar.identity not in room.members
    assert not vendor.account.active
    assert session.end_reason == "its worker left"
    await vendor.aclose()
