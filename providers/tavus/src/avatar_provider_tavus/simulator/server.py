"""Runs the simulator: the API over TCP, a worker process per conversation, and a status page."""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from importlib.resources import files
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from avatar_core import AvatarError, RestClient
from avatar_core.testing import (
    FAULTS,
    FakeResponse,
    Scenario,
    VendorAccount,
    VendorFault,
    VendorSession,
    json_response,
    serve_http,
    start_faulty_process,
)
from avatar_provider_tavus.simulator.api import TavusApi

FACE = "avatar_provider_local.face.renderer:FaceRenderer"
FLASH = "avatar_core.testing.flash_renderer:FlashRenderer"
FAULT_HEADER = "x-sim-fault"
"""Request header that names the fault of that request."""
CALLBACK_S = 5.0
"""Timeout of a webhook call, in seconds."""
KEY = "tavus-sim-key"
"""API key that the simulator accepts by default."""

Start = Callable[..., Awaitable[Mapping[str, Any]]]
"""A function that starts a worker and returns its record, like `start_faulty_process`."""


def renderer() -> str:
    """Return the path of the workers' default renderer.

    Returns:
        `package.module:Class` of `FaceRenderer` if the local provider is installed, otherwise of
        `FlashRenderer`.
    """
    return FACE if find_spec("avatar_provider_local") else FLASH


class Simulator(TavusApi):
    """A simulator of Tavus with one customer account.

    Args:
        key: API key that calls must carry.
        slots: Maximum number of conversations at the same time.
        credits_s: Seconds of conversation that the customer has paid for.
        create_s: Seconds that a create request takes.
        join_s: Seconds from a create request until the worker joins.
        face: `package.module:Class` of the workers' renderer; empty for the result of `renderer`.
        start: The function that starts a worker.
        faults: Names of faults in `FAULTS` that apply from the start.
        chaos: Probability that a call fails at random, 0 to 1.
        seed: Seed of the random failures.

    Raises:
        KeyError: The name of a fault is unknown.
    """

    def __init__(
        self,
        *,
        key: str = KEY,
        slots: int = 3,
        credits_s: float = math.inf,
        create_s: float = 0.4,
        join_s: float = 1.0,
        face: str = "",
        start: Start = start_faulty_process,
        faults: tuple[str, ...] = (),
        chaos: float = 0.0,
        seed: int = 0,
    ) -> None:
        account = VendorAccount(
            self._bring, slots=slots, credits_s=credits_s, join_s=join_s, prefix="c"
        )
        super().__init__(account, key=key, create_s=create_s)
        self._face, self._start = face or renderer(), start
        self._chaos, self._dice = chaos, random.Random(seed)  # noqa: S311
        self._callbacks: set[asyncio.Task[None]] = set()
        for fault in faults:
            self.fail(fault)

    async def serve(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> FakeResponse:
        """Respond to a request; the status page and its data need no API key.

        Args:
            method: HTTP method.
            path: Path with its query.
            headers: Header values by lower-case name.
            body: The body.

        Returns:
            The response.

        Raises:
            ConnectionRefusedError: A fault refuses the connection.
            ConnectionResetError: A fault resets the connection.
        """
        route = urlsplit(path).path
        if method == "GET" and route == "/":
            page = files("avatar_provider_tavus.simulator").joinpath("status.html").read_bytes()
            return FakeResponse(200, {"Content-Type": "text/html; charset=utf-8"}, page)
        if method == "GET" and route == "/status.json":
            return json_response(200, self.status())
        return await super().serve(method, path, headers, body)

    def next_fault(self, call: str, headers: Mapping[str, str]) -> VendorFault | None:
        """Return the fault of a call.

        A fault in the header of the call has priority over a random fault, and a random fault over
        the faults that `fail` has set.

        Args:
            call: The operation of the call, as `operation_of` returns it.
            headers: Header values by lower-case name.

        Returns:
            The fault; None if the call succeeds.
        """
        if (named := headers.get(FAULT_HEADER)) and (fault := _fault(named)).applies_to(call):
            return fault
        if self._dice.random() < self._chaos:
            return self._dice.choice([fault for fault in FAULTS.values() if fault.applies_to(call)])
        return super().next_fault(call, headers)

    def status(self) -> dict[str, Any]:
        """Return the data of the status page.

        Returns:
            A JSON-safe dictionary: the numbers of active and created conversations, the limit, the
            billed and the paid seconds, the last 50 conversations, and the last 30 calls.
        """
        account = self.account
        return {
            "active": len(account.active),
            "slots": account.slots,
            "sold": len(account.sessions),
            "billed_s": round(sum(map(account.billed_s, account.sessions)), 1),
            "credits_s": None if math.isinf(account.credits_s) else round(account.credits_s, 1),
            "conversations": [
                {
                    "id": one.id,
                    "name": one.name,
                    "status": "active" if one.ended_at is None else "ended",
                    "joined": one.worker_joined,
                    "billed_s": round(account.billed_s(one), 1),
                    "why": one.end_reason,
                }
                for one in reversed(account.sessions[-50:])
            ],
            "calls": [f"{method} {path}" for method, path in self.requests[-30:]][::-1],
        }

    async def _bring(self, session: VendorSession, scenario: Scenario) -> Mapping[str, Any]:
        """Start a worker that behaves like a worker of Tavus, without features of avatar-core."""
        unseen = bool(self.request_body(session).get("audio_only"))
        worker = await self._start(
            self._face,
            livekit_url=session.livekit_url,
            token=session.token,
            scenario=replace(scenario, stock=True, unseen=unseen),
        )
        for event in ("system.replica_joined", "system.pal_joined"):
            self.tell(session, event)
        return worker

    def tell(self, session: VendorSession, event: str, **properties: str) -> dict[str, Any]:
        """Record an event of a conversation, and send the event to the webhook of the customer.

        Args:
            session: The conversation.
            event: Type of the event, such as `system.shutdown`.
            **properties: Properties of the event.

        Returns:
            The body of the webhook call; `webhook_url` is empty if the customer gave no URL.
        """
        said = super().tell(session, event, **properties)
        if said["webhook_url"]:
            task = asyncio.create_task(_post(said["webhook_url"], said), name="tavus-callback")
            self._callbacks.add(task)
            task.add_done_callback(self._callbacks.discard)
        return said


async def _post(url: str, said: Mapping[str, Any]) -> None:
    parts = urlsplit(url)
    try:
        client = RestClient(f"{parts.scheme}://{parts.netloc}", timeout_s=CALLBACK_S)
        query = f"?{parts.query}" if parts.query else ""
        await client.call("POST", f"{parts.path or '/'}{query}", dict(said))
    except AvatarError:
        return  # as documented: nobody promises that a callback arrives


def _fault(named: str) -> VendorFault:
    """Return a fault by its name, or from JSON such as {"on": "end", "status": 500}.

    If the value is invalid, the result is a fault with status 400 and a message.
    """
    if named in FAULTS:
        return FAULTS[named]
    try:
        return VendorFault(**json.loads(named))
    except (ValueError, TypeError):
        return VendorFault(status=400, message=f"{FAULT_HEADER}: no fault {named[:40]!r}", on="any")


@asynccontextmanager
async def serving(
    simulator: Simulator, *, port: int = 0, say: Callable[[str], None] = print
) -> AsyncIterator[str]:
    """Run a simulator on a TCP port while the block runs.

    Args:
        simulator: The simulator, which the function closes at the end of the block.
        port: Port to listen on; 0 selects a free port.
        say: A function that receives one line with the address of the simulator.

    Yields:
        The base URL of the API, for `TAVUS_API_URL`.

    Raises:
        OSError: The server cannot listen on the port.
    """
    async with serve_http(simulator, port=port) as address:
        say(f"The simulator of Tavus runs at {address}. Open that page to see what it bills.")
        try:
            yield f"{address}/v2"
        finally:
            await simulator.aclose()


def offer_simulator(
    notify: Callable[[str], None],
) -> AbstractAsyncContextManager[Mapping[str, str]] | None:
    """Offer a simulated Tavus to the demo, which finds this function by its entry point.

    Args:
        notify: A function that receives each sentence for the user.

    Returns:
        None if TAVUS_API_KEY is set; otherwise a context manager that runs the simulator and
        yields the environment variables that select the simulator.
    """
    return None if os.environ.get("TAVUS_API_KEY") else _run_simulator(notify)


@asynccontextmanager
async def _run_simulator(notify: Callable[[str], None]) -> AsyncIterator[Mapping[str, str]]:
    async with serving(Simulator(), say=notify) as address:
        yield {"TAVUS_API_URL": address, "TAVUS_API_KEY": KEY}
