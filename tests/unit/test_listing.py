"""`RestClient.find` searches lists with pages, with and without a total count."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from avatar_core.contracts.errors import ProtocolError
from avatar_core.http.client import MAX_PAGES, RestClient
from avatar_core.http.memory import FakeResponse, MemoryTransport


class ListServer:
    """Serves these pages of names, with more fields in each response."""

    def __init__(self, *pages: list[str], **fields: Any) -> None:
        self.pages, self.fields, self.requests = pages, fields, 0

    async def serve(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> FakeResponse:
        self.requests += 1
        number = int(path.rpartition("=")[2])
        names = self.pages[number - 1] if number <= len(self.pages) else []
        body_json = {"data": [{"name": name} for name in names], **self.fields}
        return FakeResponse(200, {}, json.dumps(body_json).encode())

    async def find(self, name: str) -> bool:
        rest = RestClient("https://acme.example", transport=MemoryTransport(self.serve))
        return await rest.find("/list?page={page}", "name", name) is not None


async def test_find_without_a_total_stops_at_a_short_or_empty_page() -> None:
    short = ListServer(["a", "b"], ["c", "d"], ["e"])
    assert await short.find("e")
    assert not await short.find("f")
    assert short.requests == 3 + 3
    even = ListServer(["a", "b"], ["c", "d"])
    assert not await even.find("f")
    assert even.requests == 3


async def test_find_with_a_total_stops_at_the_total() -> None:
    server = ListServer(["a", "b"], ["c", "d"], total_count=4)
    assert not await server.find("e")
    assert server.requests == 2


@pytest.mark.parametrize("total", ["many", "1e3", 12.0, True, {}])
async def test_total_that_is_not_a_number_raises_protocol_error(total: Any) -> None:
    with pytest.raises(ProtocolError, match="total_count"):
        await ListServer(["a"], total_count=total).find("b")


async def test_find_raises_after_the_maximum_number_of_pages() -> None:
    server = ListServer(*([["a"]] * 2 * MAX_PAGES))
    with pytest.raises(ProtocolError, match=f"more than {MAX_PAGES} pages"):
        await server.find("b")
