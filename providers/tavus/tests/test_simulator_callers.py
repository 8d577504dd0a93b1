"""The simulator serves programs of this machine and its own page, and no page of another site."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession
from avatar_provider_tavus.simulator.server import KEY, serving

from providers.tavus.tests.api_client import Quiet, requested

OWN = "http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"},
        {"Host": "127.0.0.1.evil.example:{port}"},
        {"Host": "10.0.0.1:{port}"},
        {"Host": "[::1"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost:{port}"},
        {"Origin": "null"},
        {"Origin": ""},
    ],
    ids=str,
)
async def test_request_from_another_website_is_refused(headers: dict[str, str]) -> None:
    simulator = Quiet()
    async with serving(simulator, say=lambda _: None) as address, ClientSession() as client:
        port = address.split(":")[2].split("/")[0]
        sent = {name: value.format(port=port) for name, value in headers.items()}
        for method, path in (
            ("POST", f"{address}/conversations"),
            ("GET", f"{address}/conversations"),
            ("GET", OWN.format(port=port) + "/status.json"),
            ("GET", OWN.format(port=port) + "/"),
        ):
            body = requested() if method == "POST" else None
            async with client.request(
                method, path, json=body, headers={"x-api-key": KEY, **sent}
            ) as response:
                assert response.status in (400, 403)
    assert simulator.requests == []
    assert simulator.account.sessions == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:{port}"},
        {"Host": "[::1]:{port}"},
        {"Origin": "http://127.0.0.1:{port}"},
        {"Host": "LOCALHOST:{port}", "Origin": "http://localhost:{port}"},
    ],
    ids=str,
)
async def test_request_from_this_machine_gets_a_response(headers: dict[str, str]) -> None:
    simulator = Quiet()
    async with serving(simulator, say=lambda _: None) as address, ClientSession() as client:
        port = address.split(":")[2].split("/")[0]
        sent = {name: value.format(port=port) for name, value in headers.items()}
        async with client.get(
            f"{address}/conversations", headers={"x-api-key": KEY, **sent}
        ) as response:
            assert response.status == 200
