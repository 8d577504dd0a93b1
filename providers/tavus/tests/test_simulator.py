"""The simulator responds as Tavus documents: routes, statuses, messages, pages and callbacks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import ClientSession, web
from avatar_provider_tavus.simulator.server import serving

from providers.tavus.tests.api_client import ROOM, Quiet, requested, tavus
from providers.tavus.tests.server_harness import TOKEN


async def test_conversation_is_created_shown_listed_and_ended() -> None:
    async with tavus() as (simulator, call):
        status, made = await call("POST", "/conversations", requested(conversation_name="one"))
        assert status == 200
        id = made["conversation_id"]
        assert id.startswith("c")
        assert made["status"] == "active"
        assert made["conversation_name"] == "one"
        assert (await call("GET", f"/conversations/{id}"))[1]["face_id"] == "r4067604db72"
        assert (await call("GET", "/conversations?status=active"))[1]["total_count"] == 1
        for _ in range(2):
            assert await call("POST", f"/conversations/{id}/end") == (200, None)
        shown = (await call("GET", f"/conversations/{id}"))[1]
        assert shown == {**made, "status": "ended"}
        more = (await call("GET", f"/conversations/{id}?verbose=true"))[1]
        assert more["shutdown_reason"] == "end_conversation_endpoint_hit"
        assert [event["event_type"] for event in more["events"]] == ["system.shutdown"]
        assert (await call("GET", "/conversations?status=active"))[1]["data"] == []
        assert simulator.status()["sold"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reported"),
    [
        ("POST", "/conversations", {"face_id": "r-none"}, 400, {"error": "Invalid replica_id"}),
        ("POST", "/conversations", {"pal_id": "p-none"}, 400, {"error": "Invalid persona_id"}),
        ("POST", "/conversations/c1/end", None, 400, {"error": "Invalid conversation_id"}),
        ("GET", "/conversations/c1", None, 400, {"error": "Invalid conversation_id"}),
        ("GET", "/personas/p-none", None, 400, {"error": "Invalid persona_id"}),
        ("GET", "/faces/r-none", None, 400, {"error": "Invalid replica_uuid"}),
        ("POST", "/pals", {}, 400, {"message": "default_face_id is required"}),
        ("GET", "/nothing", None, 404, {"message": "Not found"}),
    ],
)
async def test_unknown_id_or_path_gets_the_documented_error(
    method: str, path: str, body: Any, status: int, reported: Any
) -> None:
    async with tavus() as (_, call):
        assert await call(method, path, body) == (status, reported)


async def test_delete_does_not_end_the_conversation() -> None:
    async with tavus() as (simulator, call):
        id = (await call("POST", "/conversations", requested()))[1]["conversation_id"]
        assert (await call("DELETE", f"/conversations/{id}"))[0] == 204
        assert (await call("GET", "/conversations"))[1]["total_count"] == 0
        assert len(simulator.account.active) == 1
        assert await call("POST", f"/conversations/{id}/end") == (200, None)
        assert not simulator.account.active


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("properties", value) for value in ("x", None, [])),
        *(("pal_id", value) for value in (["x"], 7, None)),
        *(("max_call_duration", value) for value in (None, 99999, "60", 0, True, 60.5)),
        *(("participant_left_timeout", value) for value in (-5, None)),
        *(("participant_absent_timeout", value) for value in (-1, "300")),
        *(("max_participants", value) for value in (1, "3")),
        *(("test_mode", "yes"), ("document_retrieval_strategy", "magic"), ("language", 1)),
        *(("livekit_ws_url", 1), ("livekit_room_token", 7), ("memory_stores", "anna")),
    ],
)
async def test_invalid_request_gets_status_400(field: str, value: Any) -> None:
    async with tavus() as (simulator, call):
        body = requested()
        inside = field.startswith(("livekit", "language")) or field.endswith(
            ("timeout", "duration")
        )
        (body["properties"] if inside else body)[field] = value
        assert await call("POST", "/conversations", body) == (400, {"error": f"Invalid {field}"})
        assert simulator.account.sessions == []


async def test_wrong_key_is_reported_before_an_invalid_body() -> None:
    async with tavus() as (_, call):
        reported = await call("POST", "/conversations", {"face_id": "r-none"}, key="another")
        assert reported == (401, {"message": "Invalid access token"})


@pytest.mark.parametrize(
    "room",
    [
        {"livekit_ws_url": "ftp://x", "livekit_room_token": TOKEN},
        {"livekit_ws_url": ROOM["livekit_ws_url"], "livekit_room_token": "no token"},
        {"livekit_ws_url": ROOM["livekit_ws_url"]},
    ],
)
async def test_create_with_an_invalid_room_gets_status_400(room: dict[str, str]) -> None:
    async with tavus() as (simulator, call):
        body = {"pal_id": "pb87e71797da", "properties": room}
        status, reported = await call("POST", "/conversations", body)
        assert status == 400
        assert reported["error"].startswith("There was an error creating the conversation")
        assert simulator.account.sessions == []


async def test_used_up_slots_and_credits_get_different_errors() -> None:
    async with tavus(slots=1) as (_, call):
        await call("POST", "/conversations", requested())
        assert await call("POST", "/conversations", requested()) == (
            400,
            {"message": "User has reached maximum concurrent conversations"},
        )
    async with tavus(credits_s=0.0) as (_, call):
        status, reported = await call("POST", "/conversations", requested())
        assert status == 402
        assert "out of conversational credits" in reported["message"]


async def test_list_has_pages_of_ten_or_of_the_requested_size() -> None:
    async with tavus(slots=100) as (_, call):
        for number in range(25):
            await call("POST", "/conversations", requested(conversation_name=f"n{number}"))
        reported = (await call("GET", "/conversations?page=3"))[1]
        assert [one["conversation_name"] for one in reported["data"]] == [
            "n4",
            "n3",
            "n2",
            "n1",
            "n0",
        ]
        assert reported["total_count"] == 25
        assert len((await call("GET", "/conversations?limit=20"))[1]["data"]) == 20
        assert (await call("GET", "/conversations?limit=-1"))[0] == 400
        assert (await call("GET", "/conversations?limit=many"))[0] == 400


async def test_old_and_new_names_refer_to_the_same_objects() -> None:
    async with tavus() as (_, call):
        status, made = await call(
            "POST", "/personas", {"persona_name": "old", "pipeline_mode": "echo"}
        )
        assert (status, made["persona_name"]) == (200, "old")
        pal = (await call("GET", f"/pals/{made['persona_id']}"))[1]
        assert (pal["pal_name"], pal["pipeline_mode"]) == ("old", "echo")
        reported = (await call("GET", "/replicas"))[1]
        assert {one["replica_id"] for one in reported["data"]} >= {"r4067604db72"}
        body = {"persona_id": "pb87e71797da", "replica_id": "r0d1a2b3c4e5", "properties": ROOM}
        assert (await call("POST", "/conversations", body))[1]["face_id"] == "r0d1a2b3c4e5"


async def test_conversation_in_test_mode_costs_nothing() -> None:
    async with tavus(slots=0) as (simulator, call):
        reported = (await call("POST", "/conversations", requested(test_mode=True)))[1]
        assert reported["status"] == "ended"
        assert simulator.status()["billed_s"] == 0


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("properties", "ends_s", "why"),
    [({"max_call_duration": 60}, 60.0, "max duration"), ({}, 3600.0, "max duration")],
)
async def test_conversation_ends_after_its_maximum_duration(
    properties: dict[str, int], ends_s: float, why: str
) -> None:
    async with tavus() as (simulator, call):
        await call("POST", "/conversations", requested(properties=properties))
        (session,) = simulator.account.sessions
        await asyncio.sleep(ends_s - 1)
        assert session.ended_at is None
        await asyncio.sleep(2)
        assert session.end_reason == why
        shown = (await call("GET", f"/conversations/{session.id}?verbose=true"))[1]
        assert shown["shutdown_reason"] == "max_call_duration reached"
        assert simulator.account.billed_s(session) == pytest.approx(ends_s)


async def test_simulator_calls_the_callback_url_at_the_end() -> None:
    reported: list[dict[str, Any]] = []
    heard = asyncio.Event()

    async def hook(request: web.Request) -> web.Response:
        reported.append({**await request.json(), "query": request.query_string})
        heard.set()
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook?of=mine"
    try:
        async with tavus() as (_, call):
            made = (await call("POST", "/conversations", requested(callback_url=url)))[1]
            await call("POST", f"/conversations/{made['conversation_id']}/end")
            await asyncio.wait_for(heard.wait(), 5.0)
    finally:
        await runner.cleanup()
    (said,) = reported
    assert (said["event_type"], said["message_type"]) == ("system.shutdown", "system")
    assert said["query"] == "of=mine"
    assert said["properties"] == {"shutdown_reason": "end_conversation_endpoint_hit"}


async def test_page_and_status_need_no_key() -> None:
    said: list[str] = []
    simulator = Quiet()
    async with serving(simulator, say=said.append) as address:
        base = address.removesuffix("/v2")
        assert base in said[0]
        async with ClientSession() as session:
            async with session.get(base) as page:
                assert "nothing here costs anything" in await page.text()
            async with session.get(f"{base}/status.json") as figures:
                assert (await figures.json())["active"] == 0
            async with session.get(f"{address}/conversations") as refused:
                assert refused.status == 401
