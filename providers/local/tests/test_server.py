"""The REST API creates and ends sessions, and a failed request leaves no worker running."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

import pytest
from avatar_provider_local import server as server_module
from avatar_provider_local import sessions
from avatar_provider_local.schemas import CreateSession
from livekit import api

from avatar_core import start_worker
from avatar_core.testing.server import DevServer
from providers.local.tests.server_harness import (
    KEY,
    NOWHERE,
    Hanging,
    desk,
    flash,
    invitation,
    roomless,
    workers,
)


async def people(server: DevServer, room: str) -> list[str]:
    """Return the identities in a room."""
    http = server.url.replace("ws", "http", 1)
    async with api.LiveKitAPI(http, server.api_key, server.api_secret) as livekit:
        found = await livekit.room.list_participants(api.ListParticipantsRequest(room=room))
    return [participant.identity for participant in found.participants]


@pytest.mark.livekit
async def test_session_is_created_reported_and_ended(server: DevServer) -> None:
    room = f"desk-{secrets.token_hex(4)}"
    async with desk(flash) as local:
        created = await local.create(invitation(server, room, "ada"))
        assert created.status == 201, created.json
        assert created.json["state"] == "running"
        path = f"/v1/sessions/{created.json['id']}"
        assert await people(server, room) == ["ada"]
        assert len(workers()) == 1
        assert (await local.call("GET", path)).json == created.json
        health = await local.call("GET", "/v1/health", key=None)
        assert health.json == {"sessions": 1, "limit": 4}

        for _ in range(2):  # once more is no error
            assert (await local.call("DELETE", path)).status == 204
            assert workers() == []
        ended = await local.call("GET", path)
        assert ended.json == {**created.json, "state": "ended", "reason": "it was ended"}
        health = await local.call("GET", "/v1/health", key=None)
        assert health.json == {"sessions": 0, "limit": 4}


@pytest.mark.livekit
async def test_create_fails_if_the_room_rejects_the_token(server: DevServer) -> None:
    wanted = invitation(server)
    header, claims, signature = wanted["token"].split(".")
    wanted["token"] = f"{header}.{claims}.{signature[::-1]}"
    async with desk(flash) as local:
        refused = await local.create(wanted)
        assert (refused.status, refused.code) == (424, "worker_failed")
        assert "The connection to the room" in refused.message
        assert wanted["token"] not in refused.message
        assert (local.sessions.alive, workers()) == (0, [])


WRONG_BODIES: list[tuple[Any, int, str, str]] = [
    (b"", 400, "invalid_json", "not valid JSON"),
    (b"{", 400, "invalid_json", "not valid JSON"),
    (b"\xff\xfe", 400, "invalid_json", "not valid JSON"),
    ([], 422, "invalid_request", "object"),
    ({}, 422, "invalid_request", "livekit_url: Field required; token: Field required"),
    ({**NOWHERE, "token": ""}, 422, "invalid_request", "token: "),
    ({**NOWHERE, "token": 7}, 422, "invalid_request", "token: "),
    (
        {**NOWHERE, "livekit_url": "file:///etc/passwd"},
        422,
        "invalid_request",
        "must look like wss",
    ),
    ({**NOWHERE, "livekit_url": "ws://me:pw@host"}, 422, "invalid_request", "must not contain"),
    ({**NOWHERE, "face": {"character": "zoe"}}, 422, "invalid_request", "face.character: "),
    ({**NOWHERE, "face": {"width": 1_000_000}}, 422, "invalid_request", "face.width: "),
    ({**NOWHERE, "surprise": 1}, 422, "invalid_request", "surprise: "),
    ({**NOWHERE, "x" * 9000: 1}, 422, "invalid_request", "xxx"),
    ({**NOWHERE, "token": "x" * 70_000}, 413, "body_too_large", "65536 bytes"),
]


@pytest.mark.parametrize(("body", "status", "code", "said"), WRONG_BODIES)
async def test_invalid_body_is_rejected_before_a_worker_starts(
    body: Any, status: int, code: str, said: str
) -> None:
    start = Hanging()
    async with desk(start) as local:
        refused = await local.call("POST", "/v1/sessions", body)
        assert (refused.status, refused.code) == (status, code)
        assert said in refused.message
        assert len(refused.message) <= 600
        assert NOWHERE["token"] not in refused.message
        assert (start.begun, local.sessions.alive) == (0, 0)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/sessions/s_unknown", 404, "unknown_session"),
        ("GET", "/v1/sessions/%2e%2e%2fx", 404, "unknown_session"),
        ("DELETE", "/v1/sessions/s_unknown", 404, "unknown_session"),
        ("GET", "/v1/sessions", 405, "method_not_allowed"),
        ("PUT", "/v1/sessions/s_unknown", 405, "method_not_allowed"),
        ("GET", "/", 404, "not_found"),
    ],
)
async def test_unknown_session_path_or_method_gets_status_404_or_405(
    method: str, path: str, status: int, code: str
) -> None:
    async with desk(Hanging()) as local:
        refused = await local.call(method, path)
        assert (refused.status, refused.code) == (status, code)
        assert refused.message


@pytest.mark.parametrize(
    "key", [None, "", "wrong", "a-key-of-a-test-serve", "schlüssel", "x" * 999]
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/sessions"), ("DELETE", "/v1/sessions/s_1"), ("GET", "/x")]
)
async def test_wrong_api_key_gets_status_401(key: str | None, method: str, path: str) -> None:
    start = Hanging()
    async with desk(start) as local:
        refused = await local.call(method, path, NOWHERE, key=key)
        assert (refused.status, refused.code) == (401, "wrong_key")
        assert start.begun == 0


async def test_incomplete_body_gets_status_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "BODY_S", 0.1)
    async with desk(Hanging()) as local:
        reader, writer = await asyncio.open_connection(*local.address)
        writer.write(
            f"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\n"
            "Content-Length: 9\r\n\r\n{".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 408 ")
        assert local.sessions.alive == 0


async def test_chunked_body_over_the_limit_gets_status_413() -> None:
    async with desk(Hanging()) as local:
        reader, writer = await asyncio.open_connection(*local.address)
        writer.write(
            f"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        writer.writelines(b"1000\r\n" + b"x" * 0x1000 + b"\r\n" for _ in range(20))
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 413 ")


async def test_create_fails_if_the_worker_exits_at_once() -> None:
    async def broken(wanted: CreateSession) -> Mapping[str, Any]:
        return await start_worker(
            "nowhere.at_all:Nobody",
            livekit_url=wanted.livekit_url,
            token=wanted.token.get_secret_value(),
        )

    async with desk(broken) as local:
        refused = await local.create()
        assert (refused.status, refused.code) == (424, "worker_failed")
        assert "nowhere.at_all:Nobody cannot be created" in refused.message
        assert "\n" not in refused.message
        assert (local.sessions.alive, workers()) == (0, [])


async def test_create_fails_if_the_worker_is_not_ready_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "START_S", 0.1)
    start = Hanging()
    async with desk(start) as local:
        refused = await local.create()
        assert (refused.status, refused.code) == (424, "worker_failed")
        assert "the worker did not join the room within 0.1 s" in refused.message
        assert (start.broken_off, local.sessions.alive) == (1, 0)


async def test_unexpected_start_error_is_reported_by_its_type_only() -> None:
    async def defect(wanted: CreateSession) -> Mapping[str, Any]:
        raise ZeroDivisionError(wanted.token.get_secret_value())

    async with desk(defect) as local:
        refused = await local.create()
        assert (refused.status, refused.code) == (424, "worker_failed")
        assert refused.message.endswith("the session raised ZeroDivisionError")
        assert local.sessions.alive == 0


async def test_full_server_sends_status_429_with_retry_after() -> None:
    async with desk(roomless, limit=2) as local:
        created = [await local.create() for _ in range(2)]
        assert [response.status for response in created] == [201, 201]
        assert len({response.json["id"] for response in created}) == 2
        full = await local.create()
        assert (full.status, full.code) == (429, "too_many_sessions")
        assert int(full.headers["Retry-After"]) > 0
        assert len(workers()) == 2

        assert (await local.call("DELETE", f"/v1/sessions/{created[0].json['id']}")).status == 204
        assert (await local.create()).status == 201
    assert workers() == []


async def test_killed_worker_ends_its_session() -> None:
    async with desk(roomless) as local:
        path = f"/v1/sessions/{(await local.create()).json['id']}"
        waiting = asyncio.create_task(local.call("GET", f"{path}?wait=20"))
        [worker] = workers()
        worker.kill()
        ended = (await waiting).json
        assert (ended["state"], ended["reason"]) == ("ended", "its worker exited")
        assert local.sessions.alive == 0


@pytest.mark.parametrize(
    ("wait", "status"), [("0.05", 200), ("-1", 400), ("61", 400), ("nan", 400), ("soon", 400)]
)
async def test_wait_parameter_must_be_between_0_and_60_seconds(wait: str, status: int) -> None:
    async with desk(roomless) as local:
        created = (await local.create()).json
        response = await local.call("GET", f"/v1/sessions/{created['id']}?wait={wait}")
        assert response.status == status
        assert response.json == created if status == 200 else response.code == "invalid_request"


async def test_stopped_server_ends_its_sessions_and_rejects_new_ones() -> None:
    async with desk(roomless) as local:
        path = f"/v1/sessions/{(await local.create()).json['id']}"
        waiting = asyncio.create_task(local.call("GET", f"{path}?wait=20"))
        await local.sessions.aclose()
        assert (await waiting).json["reason"] == "the server stopped"
        refused = await local.create()
        assert (refused.status, refused.code) == (503, "stopping")
        assert workers() == []
