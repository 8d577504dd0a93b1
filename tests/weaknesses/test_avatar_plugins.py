"""W45, W47 to W49: the plugins of vendors, and the interface that they lack."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from livekit.agents import APIConnectionError, llm, stt, tts
from livekit.agents.voice import avatar as stock_avatar
from livekit.agents.voice.avatar import AvatarSession, QueueAudioOutput
from livekit.plugins.tavus.api import TavusAPI

from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.provider import AvatarProvider
from tests.weaknesses.stock_agent import FINISHED, StockAgent, audio_frame
from tests.weaknesses.weakness import Weakness, never_ends

pytestmark = pytest.mark.virtual_time


W45 = Weakness(
    "W45",
    "B",
    "The requests of the plugins have no total timeout and no idempotency key.",
    stock="A vendor that does not respond stops `start` forever; a create request whose response "
    "was lost is sent up to four times (plugin of Tavus).",
    ours="Each request has a deadline, and a create request with an unknown outcome is not sent "
    "again before `lookup` has found no session.",
    avoided_in=[
        "tests/unit/test_http_tcp.py::test_trickling_response_ends_at_the_deadline",
        "tests/unit/test_provision.py::test_session_that_a_lookup_finds_is_used",
        "tests/unit/test_provision.py::test_session_that_cannot_be_ended_prevents_another_attempt",
        "tests/faults/test_provisioning.py::test_start_creates_at_most_one_session_and_ends_it",
    ],
)


class FakeVendorSession:
    """An HTTP session whose vendor accepts each request and does not respond.

    Args:
        error: The exception of each request; None waits until the timeout of the request.

    Attributes:
        requests: The headers of each request.
    """

    def __init__(self, error: Exception | None) -> None:
        self.requests: list[dict[str, str]] = []
        self._error = error
        self._timeout_s: float | None = None

    def post(
        self, url: str, *, headers: dict[str, str], json: Any, timeout: aiohttp.ClientTimeout
    ) -> FakeVendorSession:
        self.requests.append(headers)
        self._timeout_s = timeout.total or timeout.sock_read
        return self

    async def __aenter__(self) -> Any:
        if self._error is not None:
            raise self._error
        async with asyncio.timeout(self._timeout_s):
            await asyncio.Event().wait()

    async def __aexit__(self, *_: object) -> None:
        return


def create_by_stock_plugin(vendor: FakeVendorSession) -> Any:
    """Return the create request of the plugin of Tavus.

    Args:
        vendor: The fake session that replaces aiohttp's.

    Returns:
        The body of the request.
    """
    return TavusAPI("key", "http://127.0.0.1", session=vendor).create_conversation()  # type: ignore[arg-type]


@W45.shown_by
async def test_stock_request_to_a_silent_vendor_never_ends() -> None:
    assert await never_ends(create_by_stock_plugin(FakeVendorSession(None)))


@W45.shown_by
async def test_stock_create_request_with_an_unknown_outcome_is_repeated() -> None:
    vendor = FakeVendorSession(aiohttp.ServerDisconnectedError())
    with pytest.raises(APIConnectionError):
        await create_by_stock_plugin(vendor)
    assert len(vendor.requests) == 4
    assert {name.lower() for headers in vendor.requests for name in headers} == {
        "content-type",
        "x-api-key",
    }


W47 = Weakness(
    "W47",
    "B",
    "A room has one handler for each RPC method, and a plugin may replace it.",
    stock="After another output has registered `lk.playback_finished` (plugin of Spatius), "
    "segments of the first output never finish.",
    ours="The router calls the handler of each sender.",
    avoided_in=["tests/room_link/test_link.py::test_router_calls_the_handler_of_each_caller"],
    untested="The plugin of Spatius is not installed; a test registers the RPC in the same way.",
)


@W47.shown_by
async def test_stock_output_loses_its_finishes_to_another_handler() -> None:
    stock = StockAgent()
    await stock.say(1.0)
    received: list[Any] = []
    stock.room.local_participant.register_rpc_method(FINISHED, received.append)
    await stock.finish(1.0)
    assert len(received) == 1
    assert await never_ends(stock.output.wait_for_playout())


W48 = Weakness(
    "W48",
    "B",
    "An output whose connection to the vendor has ended does not finish its segments.",
    stock="The consumer of a `QueueAudioOutput` ends, for example the websocket task of "
    "LiveAvatar, and `wait_for_playout` waits forever.",
    ours="A transport whose sink fails is lost, and the agent's voice continues.",
    avoided_in=["tests/unit/test_player_losses.py::test_transport_whose_sink_raises_is_lost"],
    untested="The plugin of LiveAvatar is not installed; the test uses the base class.",
)


@W48.shown_by
async def test_stock_segment_never_finishes_after_its_consumer_has_ended() -> None:
    output = QueueAudioOutput()

    async def consume() -> None:
        async for _ in output:
            raise ConnectionError("The websocket was closed.")

    consumer = asyncio.create_task(consume())
    await output.capture_frame(audio_frame(1.0))
    output.flush()
    await asyncio.gather(consumer, return_exceptions=True)
    assert isinstance(consumer.exception(), ConnectionError)
    assert await never_ends(output.wait_for_playout())


W49 = Weakness(
    "W49",
    "C",
    "livekit-agents has no interface for providers of avatars.",
    stock="`AvatarSession` has one abstract property, `avatar_identity`; models have a "
    "`FallbackAdapter`, avatars have none.",
    ours="`AvatarProvider` with `Capabilities`, a chain of providers, and the provider `mock`.",
    avoided_in=[
        "tests/unit/test_controller.py::"
        "test_provision_error_selects_the_next_provider_of_the_chain",
    ],
)


@W49.shown_by
def test_stock_avatars_have_no_provider_interface_and_no_fallback() -> None:
    assert AvatarSession.__abstractmethods__ == {"avatar_identity"}
    assert all(hasattr(models, "FallbackAdapter") for models in (llm, stt, tts))
    assert [name for name in dir(stock_avatar) if "Fallback" in name or "Capab" in name] == []


@W49.avoided_by
def test_provider_interface_has_provisioning_release_and_capabilities() -> None:
    assert AvatarProvider.__abstractmethods__ == {"provision", "release"}
    assert isinstance(AvatarProvider.capabilities, Capabilities)
