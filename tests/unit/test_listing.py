"""Lists in pages, by vendors that tell their length and by others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from avatar_core.contracts.errors import ProtocolError
from avatar_core.http.client import MOST_PAGES, RestClient
from avatar_core.http.memory import MemoryTransport, Served


class Vendor:
    """Has these pages, and tells this about their number."""

    def __init__(self, *pages: list[str], **told: Any) -> None:
        self.pages, self.told, self.asked = pages, told, 0

    async def serve(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Served:
        self.asked += 1
        number = int(path.rpartition("=")[2])
        names = self.pages[number - 1] if number <= len(self.pages) else []
        answer = {"data": [{"name": name} for name in names], **self.told}
        return Served(200, {}, json.dumps(answer).encode())

    async def find(self, name: str) -> bool:
        rest = RestClient("https://acme.example", transport=MemoryTransport(self.serve))
        return await rest.find("/list?page={page}", "name", name) is not None


async def test_without_a_total_it_goes_on_until_a_page_is_short_or_empty() -> None:
    short = Vendor(["a", "b"], ["c", "d"], ["e"])
    assert await short.find("e")
    assert not await short.find("f")
    assert short.asked == 3 + 3
    even = Vendor(["a", "b"], ["c", "d"])
    assert not await even.find("f")
    assert even.asked == 3


async def test_with_a_total_it_stops_there() -> None:
    vendor = Vendor(["a", "b"], ["c", "d"], total_count=4)
    assert not await vendor.find("e")
    assert vendor.asked == 2


@pytest.mark.parametrize("total", ["many", "1e3", 12.0, True, {}])
async def test_a_total_that_is_none_is_a_fault_of_the_vendor(total: Any) -> None:
    with pytest.raises(ProtocolError, match="total_count"):
        await Vendor(["a"], total_count=total).find("b")


async def test_a_list_without_an_end_is_left() -> None:
    vendor = Vendor(*([["a"]] * 2 * MOST_PAGES))
    with pytest.raises(ProtocolError, match=f"more than {MOST_PAGES} pages"):
        await vendor.find("b")
