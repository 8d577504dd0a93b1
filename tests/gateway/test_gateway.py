"""The gateway creates, repeats, refuses and ends sessions, and asks who may."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import jwt
import pytest
from livekit import api

from avatar_core.contracts.errors import (
    AuthError,
    CapacityError,
    Outcome,
    PaymentError,
    UnavailableError,
)
from tests.gateway.gateway_harness import BODY, SECRET, GatewayHarness, access_token

CREATE = "/avatar/sessions"
USER = api.VideoGrants(room_join=True, room="room")


async def until(condition: object) -> None:
    """Wait until a condition holds, for at most 5 s."""
    async with asyncio.timeout(5):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_session_is_created_with_the_requested_identity_and_ended(tmp_path: Path) -> None:
    async with GatewayHarness(tmp_path) as gateway:
        status, created = await gateway.create()
        assert status == 200
        (session_id,) = gateway.vendor.provisioned
        assert created["provider_session_id"] == session_id
        assert created["sample_rate"] == 16_000
        (request,) = gateway.vendor.requests
        assert (request.room_name, request.identity) == ("room", BODY["avatar_identity"])
        claims = jwt.decode(gateway.vendor.tokens[0], SECRET, algorithms=["HS256"])
        assert claims["sub"] == BODY["avatar_identity"]
        assert claims["attributes"] == {"lk.publish_on_behalf": "agent"}
        assert claims["video"]["room"] == "room"
        await until(lambda: [one.session_id for one in gateway.ledger.read_all()] == [session_id])
        assert await gateway.terminate(created) == 200
        assert gateway.vendor.ended == [session_id]
        assert await gateway.terminate(created) == 200, "a second request is no error"
        assert gateway.vendor.ended == [session_id]
        await until(lambda: not gateway.ledger.read_all())


async def test_repeated_request_returns_the_first_session(tmp_path: Path) -> None:
    async with GatewayHarness(tmp_path) as gateway:
        results = await asyncio.gather(*(gateway.create(key="one") for _ in range(5)))
        results.append(await gateway.create(key="one"))
        assert all(result == results[0] for result in results)
        assert len(gateway.vendor.provisioned) == 1
        status, body = await gateway.create(key="one", room_name="other")
        assert status == 422
        assert "Idempotency-Key" in body["error"]["message"]


async def test_failed_request_may_be_repeated_with_its_key(tmp_path: Path) -> None:
    async with GatewayHarness(tmp_path) as gateway:
        gateway.vendor.provision_error = PaymentError(
            "no credit is left.", outcome=Outcome.REJECTED
        )
        status, body = await gateway.create(key="one")
        assert status == 424
        assert body["error"]["code"] == "AV302"
        gateway.vendor.provision_error = None
        status, _ = await gateway.create(key="one")
        assert (status, gateway.vendor.open) == (200, 1)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AuthError("the key is refused.", outcome=Outcome.REJECTED), 424),
        (CapacityError("full.", outcome=Outcome.REJECTED, retry_after_s=7.2), 429),
        (UnavailableError("down.", outcome=Outcome.NOT_SENT, retryable=False), 424),
        (UnavailableError("unsure.", outcome=Outcome.UNKNOWN, retryable=True), 424),
        (RuntimeError(SECRET), 424),
    ],
)
async def test_vendor_error_becomes_a_status(tmp_path: Path, error: Exception, status: int) -> None:
    async with GatewayHarness(tmp_path) as gateway:
        gateway.vendor.provision_error = error
        got, body, headers = await gateway.post(CREATE, BODY)
        assert got == status
        assert body["error"]["message"]
        assert SECRET not in str(body)
        assert headers.get("Retry-After") == ("8" if status == 429 else None)
        assert gateway.sessions.free == 3
        assert gateway.vendor.open == 0


@pytest.mark.parametrize(
    "token",
    [
        "",
        "not a token",
        access_token(secret="another-secret-0123456789abcdef0123456789"),
        access_token(perform=False),
        access_token(ttl_s=-60),
        api.AccessToken("key", SECRET).with_identity("user").with_grants(USER).to_jwt(),
    ],
)
async def test_request_without_a_valid_token_is_refused(tmp_path: Path, token: str) -> None:
    async with GatewayHarness(tmp_path) as gateway:
        for path in (CREATE, "/avatar/sessions/terminate"):
            status, body, _ = await gateway.post(path, BODY, token=token)
            assert status == 401
            assert body["error"]["message"]
        assert gateway.vendor.provisioned == []


async def test_session_ends_only_with_its_token(tmp_path: Path) -> None:
    async with GatewayHarness(tmp_path) as gateway:
        _, created = await gateway.create()
        assert await gateway.terminate(created, terminate_token="0" * 64) == 403
        assert await gateway.terminate(created, provider_session_id="session-2") == 403
        assert gateway.vendor.open == 1


async def test_full_gateway_says_when_to_try_again(tmp_path: Path) -> None:
    async with GatewayHarness(tmp_path, limit=2) as gateway:
        gateway.rooms |= {f"room-{number}": {"agent"} for number in range(20)}
        results = await asyncio.gather(
            *(gateway.post(CREATE, {**BODY, "room_name": f"room-{n}"}) for n in range(20))
        )
        assert sorted(status for status, _, _ in results) == [200] * 2 + [429] * 18
        assert all(headers["Retry-After"] == "5" for status, _, headers in results if status == 429)
        assert gateway.vendor.open == 2
        (created, *_) = [body for status, body, _ in results if status == 200]
        assert await gateway.terminate(created) == 200
        assert (await gateway.create())[0] == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"[" * 60_000, 400),
        (b"\xff\xfe", 400),
        ({**BODY, "room_name": ""}, 400),
        ({**BODY, "provider": None}, 400),
        ({**BODY, "agent_identity": "a" * 10_000}, 400),
        ({key: value for key, value in BODY.items() if key != "avatar_identity"}, 400),
        (b" " * 10_000_000, 413),
        ({**BODY, "provider": "unknown"}, 422),
        ({**BODY, "prompt": "be kind"}, 422),
        ({**BODY, "extra_kwargs": {"api_url": "http://127.0.0.1"}}, 422),
        ({**BODY, "agent_identity": "somebody"}, 409),
        ({**BODY, "room_name": "no such room"}, 409),
    ],
)
async def test_bad_request_gets_a_clear_error(tmp_path: Path, body: object, status: int) -> None:
    async with GatewayHarness(tmp_path) as gateway:
        got, said, _ = await gateway.post(CREATE, body)
        assert got == status
        assert said["error"]["message"]
        assert ": :" not in said["error"]["message"], "the text names no field"
        assert gateway.vendor.provisioned == []
        assert gateway.sessions.free == 3


async def test_identity_can_be_used_once_in_a_room(tmp_path: Path) -> None:
    async with GatewayHarness(tmp_path) as gateway:
        assert (await gateway.create(key="one"))[0] == 200
        assert (await gateway.create(key="two"))[0] == 409
        gateway.rooms["room"].add("guest")
        assert (await gateway.create(avatar_identity="guest"))[0] == 409
        assert gateway.vendor.open == 1


@pytest.mark.parametrize("leaves", ["agent", "avatar", "room", "nobody joins"])
async def test_session_ends_with_its_room(tmp_path: Path, leaves: str) -> None:
    async with GatewayHarness(tmp_path) as gateway:
        assert (await gateway.create())[0] == 200
        if leaves != "nobody joins":
            gateway.rooms["room"].add(BODY["avatar_identity"])
            await until(lambda: gateway.looks > 8)
            assert gateway.vendor.open == 1
        if leaves == "agent":
            gateway.rooms["room"].discard("agent")
        elif leaves == "avatar":
            gateway.rooms["room"].discard(BODY["avatar_identity"])
        elif leaves == "room":
            gateway.rooms.clear()
        await until(lambda: gateway.vendor.open == 0)
        await until(lambda: gateway.sessions.free == 3)


async def test_stopped_gateway_ends_every_session(tmp_path: Path) -> None:
    async with GatewayHarness(tmp_path) as gateway:
        gateway.rooms["other"] = {"agent"}
        await asyncio.gather(gateway.create(), gateway.create(room_name="other"))
        assert gateway.vendor.open == 2
        await gateway.sessions.aclose()
        assert gateway.vendor.open == 0
        assert gateway.ledger.read_all() == []
        assert (await gateway.create())[0] == 429


@pytest.mark.parametrize("key", ["", "one"])
async def test_gateway_that_stops_during_a_create_request_leaves_no_session(
    tmp_path: Path, key: str
) -> None:
    async with GatewayHarness(tmp_path) as gateway:
        gate = gateway.vendor.gate = asyncio.Event()
        creating = asyncio.create_task(gateway.create(key=key))
        await until(lambda: gateway.vendor.waiting)
        await gateway.sessions.aclose()
        gate.set()
        await asyncio.gather(creating, return_exceptions=True)
        assert gateway.vendor.open == 0


async def test_secrets_stay_out_of_logs_and_responses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with GatewayHarness(tmp_path) as gateway:
        _, created = await gateway.create()
        gateway.vendor.provision_error = RuntimeError(SECRET)
        _, refused = await gateway.create(avatar_identity="second")
        await gateway.terminate(created)
        seen = f"{caplog.text} {created} {refused}"
        assert SECRET not in seen
        assert gateway.vendor.tokens[0] not in seen
        assert created["terminate_token"] not in caplog.text
