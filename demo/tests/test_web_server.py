"""The web server of the demo limits open sessions and rejects invalid requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from avatar_demo import services
from avatar_demo.web_server import MAX_SESSIONS, WebServer, listen
from livekit import api, rtc

from avatar_core.testing.server import DevServer

pytestmark = pytest.mark.livekit


@dataclass
class Client:
    """A client of the web server.

    Attributes:
        url: URL of the web server.
        http: Sends the requests.
    """

    url: str
    http: aiohttp.ClientSession

    async def create_session(self, **fields: str) -> tuple[int, Any]:
        """Request a session; return the status and the JSON body of the response."""
        return await self.post(json={"provider": "voice", **fields})

    async def post(self, **request: Any) -> tuple[int, Any]:
        """Send a POST request; return the status and the JSON body of the response."""
        async with self.http.post(f"{self.url}api/session", **request) as response:
            return response.status, await response.json()


@pytest_asyncio.fixture
async def client(server: DevServer) -> AsyncIterator[Client]:
    async with WebServer(server, "voice").serve(listen(0)) as url, aiohttp.ClientSession() as http:
        yield Client(url, http)


async def join(session: Any) -> rtc.Room:
    room = rtc.Room()
    await room.connect(session["url"], session["token"])
    return room


async def test_new_room_has_an_empty_and_a_departure_timeout(
    client: Client, server: DevServer
) -> None:
    _, session = await client.create_session()
    async with services.open_client(server) as livekit:
        request = api.ListRoomsRequest(names=[session["room"]])
        (room,) = (await livekit.room.list_rooms(request)).rooms
    assert (room.empty_timeout, room.departure_timeout) == (
        services.EMPTY_TIMEOUT_S,
        services.DEPARTURE_TIMEOUT_S,
    )


async def test_disconnected_page_frees_its_session(client: Client) -> None:
    pages = [await join((await client.create_session())[1]) for _ in range(MAX_SESSIONS)]
    assert (await client.create_session())[0] == 429
    await pages.pop().disconnect()
    code, session = await client.create_session()
    assert code == 201
    assert (await client.create_session())[0] == 429  # the page of `session` may still join
    for page in [*pages, await join(session)]:
        await page.disconnect()


async def test_restarted_page_uses_only_one_session(client: Client) -> None:
    left = ""
    for _ in range(2 * MAX_SESSIONS):
        code, session = await client.create_session(leave=left)
        assert code == 201
        page, left = await join(session), session["room"]
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
async def test_invalid_body_gets_status_400_with_a_json_error(
    client: Client, kind: str, body: bytes
) -> None:
    code, response = await client.post(data=body, headers={"Content-Type": kind})
    assert (code, response["error"]["code"]) == (400, "invalid_request")


async def test_body_with_a_wrong_content_encoding_gets_a_json_error(client: Client) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    code, response = await client.post(data=b"no gzip", headers=headers)
    assert (code, response["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
)
async def test_request_from_a_page_of_another_website_is_refused(
    client: Client, headers: dict[str, str]
) -> None:
    code, response = await client.post(json={"provider": "voice"}, headers=headers)
    assert (code, response["error"]["code"]) == (403, "not_this_machine")


async def test_page_of_the_demo_gets_a_session(client: Client) -> None:
    code, _ = await client.post(
        json={"provider": "voice"}, headers={"Origin": client.url.rstrip("/")}
    )
    assert code == 201
