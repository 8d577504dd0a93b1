"""The demo page's server: which rooms count, and what it answers to what is no request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from avatar_demo import services
from avatar_demo.web_server import MOST_SESSIONS, Site, listen
from livekit import api, rtc

from avatar_core.testing.server import DevServer

pytestmark = pytest.mark.livekit


@dataclass
class Caller:
    """Somebody who asks it."""

    url: str
    http: aiohttp.ClientSession

    async def begin(self, **wanted: str) -> tuple[int, Any]:
        return await self.post(json={"provider": "voice", **wanted})

    async def post(self, **request: Any) -> tuple[int, Any]:
        async with self.http.post(f"{self.url}api/session", **request) as answer:
            return answer.status, await answer.json()


@pytest_asyncio.fixture
async def caller(server: DevServer) -> AsyncIterator[Caller]:
    async with Site(server, "voice").serve(listen(0)) as url, aiohttp.ClientSession() as http:
        yield Caller(url, http)


async def join(answer: Any) -> rtc.Room:
    room = rtc.Room()
    await room.connect(answer["url"], answer["token"])
    return room


async def test_a_room_that_nobody_comes_to_ends(caller: Caller, server: DevServer) -> None:
    _, answer = await caller.begin()
    async with services.client_of(server) as client:
        asked = api.ListRoomsRequest(names=[answer["room"]])
        (room,) = (await client.room.list_rooms(asked)).rooms
    assert (room.empty_timeout, room.departure_timeout) == (services.COME_S, services.LEAVE_S)


async def test_a_page_that_is_closed_makes_room_for_another(caller: Caller) -> None:
    pages = [await join((await caller.begin())[1]) for _ in range(MOST_SESSIONS)]
    assert (await caller.begin())[0] == 429
    await pages.pop().disconnect()
    code, answer = await caller.begin()
    assert code == 201
    assert (await caller.begin())[0] == 429  # for the page of that answer is about to join
    for page in [*pages, await join(answer)]:
        await page.disconnect()


async def test_a_page_that_begins_again_and_again_is_one_page(caller: Caller) -> None:
    left = ""
    for _ in range(2 * MOST_SESSIONS):
        code, answer = await caller.begin(leaves=left)
        assert code == 201
        page, left = await join(answer), answer["room"]
        await page.disconnect()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json; charset=bogus", b"{}"),
        ("application/json", b"[" * 4000),
        ("application/json", b"\xff{}"),
        ("application/json", b"[]"),
        ("application/json", b""),
    ],
)
async def test_what_is_no_request_is_told_in_json(caller: Caller, kind: str, body: bytes) -> None:
    code, answer = await caller.post(data=body, headers={"Content-Type": kind})
    assert (code, answer["error"]["code"]) == (400, "invalid_request")


async def test_a_body_that_is_not_packed_as_it_says(caller: Caller) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    code, answer = await caller.post(data=b"no gzip", headers=headers)
    assert (code, answer["error"]["code"]) == (400, "invalid_request")
