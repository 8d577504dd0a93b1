"""The REST API handles repeated requests and clients that disconnect early."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from avatar_provider_local import sessions
from avatar_provider_local.schemas import CreateSession

from providers.local.tests.server_harness import Hanging, desk, roomless, workers


class TestIdempotencyKey:
    """Requests with the same `Idempotency-Key` get the same session."""

    async def test_requests_with_the_same_key_get_the_same_session(self) -> None:
        async with desk(roomless) as local:
            once, again = await asyncio.gather(
                *(local.create(Idempotency_Key="room-1") for _ in range(2))
            )
            later, other = (
                await local.create(Idempotency_Key="room-1"),
                await local.create(Idempotency_Key="room-2"),
            )
            assert [response.status for response in (once, again, later, other)] == [201] * 4
            assert once.json["id"] == again.json["id"] == later.json["id"] != other.json["id"]
            assert len(workers()) == 2

    async def test_key_of_an_ended_session_gets_a_new_session(self) -> None:
        async with desk(roomless) as local:
            first = (await local.create(Idempotency_Key="room-1")).json["id"]
            ending, second = await asyncio.gather(
                local.call("DELETE", f"/v1/sessions/{first}"),
                local.create(Idempotency_Key="room-1"),
            )
            assert (ending.status, second.status) == (204, 201)
            assert len(workers()) == 1

    async def test_key_of_201_characters_gets_status_400(self) -> None:
        async with desk(Hanging()) as local:
            refused = await local.create(Idempotency_Key="x" * 201)
            assert (refused.status, refused.code) == (400, "invalid_key")


class TestDisconnectedClient:
    """A create request whose client disconnects leaves no session."""

    async def test_disconnected_client_leaves_no_session(self) -> None:
        start = Hanging()
        async with desk(start) as local:
            creating = asyncio.create_task(local.create())
            await start.at_work.wait()
            creating.cancel()
            await local.all_ended()
            assert (start.begun, start.broken_off, local.sessions.alive) == (1, 1, 0)

    async def test_disconnect_keeps_a_session_that_another_client_waits_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go, left, waiting = asyncio.Event(), asyncio.Event(), asyncio.Semaphore(0)
        ready = sessions.Session.ready

        async def watched(session: sessions.Session) -> None:
            waiting.release()
            try:
                await ready(session)
            except asyncio.CancelledError:
                left.set()
                raise

        async def slow(wanted: CreateSession) -> Mapping[str, Any]:
            await go.wait()
            return await roomless(wanted)

        monkeypatch.setattr(sessions.Session, "ready", watched)
        async with desk(slow) as local:
            leaving, staying = (
                asyncio.create_task(local.create(Idempotency_Key="room-1")) for _ in range(2)
            )
            for _ in range(2):
                await waiting.acquire()
            leaving.cancel()
            await left.wait()
            go.set()
            assert (await staying).status == 201
            assert len(workers()) == 1


@pytest.mark.parametrize("packed", ["gzip", "deflate"])
async def test_body_with_a_wrong_content_encoding_gets_status_400(packed: str) -> None:
    async with desk(Hanging()) as local:
        refused = await local.call("POST", "/v1/sessions", b"no such", Content_Encoding=packed)
        assert (refused.status, refused.code) == (400, "invalid_json")
        assert "Content-Encoding" in refused.message
