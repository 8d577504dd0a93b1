"""The documented vendors of examples/providers, on the REST base, against FakeVendor."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from avatar_core.contracts.errors import SettingsError
from avatar_core.contracts.events import AvatarJoined
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor, Served, reply
from avatar_core.testing.fake_vendor.faults import VendorFault
from avatar_core.testing.faults.scenario import QUIET, Scenario
from avatar_core.testing.rest_harness import silent_workers
from avatar_core.testing.room.room import MemoryRoom

ROOT = Path(__file__).parents[2] / "examples/providers"
for name in ("anam", "lemonslice"):
    sys.path.insert(0, str(ROOT / name / "src"))

import avatar_provider_anam as anam  # noqa: E402
import avatar_provider_lemonslice as lemonslice  # noqa: E402

pytestmark = pytest.mark.virtual_time
MOST_LINES = 40


class Documented(FakeVendor):
    """FakeVendor with another vendor's routes.

    Attributes:
        bodies: What was sent, with its authorization.
    """

    header = ""

    def __init__(self, account: VendorAccount) -> None:
        super().__init__(account)
        self.bodies: list[tuple[str, str, Any]] = []

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> Served:
        asked = json.loads(body)
        self.bodies.append((f"{method} {path}", headers[self.header], asked))
        return self.answer(path, asked, worker)

    def answer(self, path: str, asked: Any, worker: Scenario) -> Served:
        raise NotImplementedError

    def sold(self, url: str, token: str, worker: Scenario) -> str:
        return self.account.sell(name="", key="", token=token, livekit_url=url, scenario=worker).id


class Anam(Documented):
    header = "authorization"

    def answer(self, path: str, asked: Any, worker: Scenario) -> Served:
        room = asked["environment"]
        return reply(
            200, {"sessionId": self.sold(room["livekitUrl"], room["livekitToken"], worker)}
        )


class LemonSlice(Documented):
    header = "x-api-key"

    def answer(self, path: str, asked: Any, worker: Scenario) -> Served:
        if path.endswith("/control"):
            session = self.account.find(path.split("/")[-2])
            assert session is not None
            self.account.end(session, asked["event"])
            return reply(200, {})
        room = asked["properties"]
        return reply(
            201, {"session_id": self.sold(room["livekit_url"], room["livekit_token"], worker)}
        )


def test_they_are_short() -> None:
    for name in ("anam", "lemonslice"):
        (module,) = (ROOT / name).rglob("__init__.py")
        assert len(module.read_text().splitlines()) <= MOST_LINES


def test_a_key_that_cannot_be_sent_is_named() -> None:
    with pytest.raises(SettingsError, match="ANAM_API_KEY: has white space"):
        anam.AnamSettings.load(api_key="sk-abc\n", avatar_id="x")


def test_what_is_missing_is_named() -> None:
    with pytest.raises(SettingsError, match="ANAM_API_KEY: is not set; ANAM_AVATAR_ID: is not set"):
        anam.AnamSettings.load()
    with pytest.raises(SettingsError, match="LEMONSLICE_AGENT_ID"):
        lemonslice.LemonSliceSettings.load(api_key="k")


async def test_anam_has_no_end_and_its_worker_is_put_out() -> None:
    room = MemoryRoom()
    vendor = Anam(VendorAccount(silent_workers(room)))
    settings = anam.AnamSettings.load(api_key="key-1", avatar_id="face-1")
    provider = type("P", (anam.AnamProvider,), {"transport": vendor.transport})(settings)
    scene = FailoverHarness(room, provider)
    await scene.controller.start()
    lease = await scene.controller.wait_until_settled()
    assert lease is not None
    (session,) = vendor.account.sessions
    assert vendor.bodies == [
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
    await scene.close()
    assert lease.avatar.identity not in room.members
    assert not vendor.account.alive
    assert session.why == "its worker left"
    await vendor.aclose()


async def test_a_cold_lemonslice_is_waited_for_and_terminated() -> None:
    room = MemoryRoom()
    vendor = LemonSlice(VendorAccount(silent_workers(room)))
    vendor.fail(VendorFault(worker=Scenario(join_delay_s=120.0)))
    settings = lemonslice.LemonSliceSettings.load(api_key="key-2", agent_id="agent-2")
    provider = type("P", (lemonslice.LemonSliceProvider,), {"transport": vendor.transport})(
        settings
    )
    scene = FailoverHarness(room, provider)
    await scene.controller.start()
    assert await scene.say(1.0) == (pytest.approx(1.0), False)  # by voice, 8 s later
    lease = await scene.controller.wait_until_settled()
    assert lease is not None
    (joined,) = scene.events_of(AvatarJoined)
    assert joined.join_s == pytest.approx(120.0, abs=0.5)
    await scene.close()
    (session,) = vendor.account.sessions
    create, end = vendor.bodies
    assert create[:2] == ("POST /api/liveai/sessions", "key-2")
    assert create[2] == {
        "transport_type": "livekit",
        "properties": {"livekit_url": "wss://memory.example", "livekit_token": session.token},
        "agent_id": "agent-2",
        "idle_timeout": 60,
    }
    assert end == (
        f"POST /api/liveai/sessions/{session.id}/control",
        "key-2",
        {"event": "terminate"},
    )
    assert session.why == "terminate"
    await vendor.aclose()
