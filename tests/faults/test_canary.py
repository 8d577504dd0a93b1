"""No key and no token in any output, whatever fails: every place is searched for planted ones."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jwt
import psutil
import pytest
from avatar_provider_mock import MockSettings
from livekit.agents import AgentSession
from pydantic import SecretStr

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.events import AvatarFailed
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.http.memory import FakeResponse
from avatar_core.provisioning.tokens import TokenMint
from avatar_core.rtc.join import join
from avatar_core.settings import LiveKitSettings
from avatar_core.testing.failover_harness import Scene
from avatar_core.testing.fake_vendor.account import Bring, VendorAccount, VendorSession
from avatar_core.testing.fake_vendor.fake import FakeVendor, json_response
from avatar_core.testing.fake_vendor.http_server import serve_http
from avatar_core.testing.faults.scenario import QUIET, Scenario
from avatar_core.testing.rest_harness import make_acme, silent_workers
from avatar_core.testing.room import workers
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.server import DevServer
from tests.livekit.entry import settings_of, token
from tests.support.secrets_shown import places

VENDOR_KEY = "canary-vendor-key-5d1e"
LIVEKIT_SECRET = "canary-livekit-secret-" + "9" * 20
LIVEKIT = LiveKitSettings.load(
    url="ws://127.0.0.1:7880", api_key="APIcanary", api_secret=LIVEKIT_SECRET
)
OVER_TCP = (
    *("", "401", "429", "500 after create", "reset after create", "timeout after create"),
    *("trickle", "html", "huge body", "redirect", "worker never joins", "end is lost"),
)
TOTAL: dict[str, int] = {"places": 0}


class Indiscreet(FakeVendor):
    """Says back all that it is sent."""

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> FakeResponse:
        told = f"{dict(headers)} {body.decode()}"
        return json_response(400, {"error": {"message": told}, "token": body.decode()})


@pytest.fixture(autouse=True)
def _others_have_said_all() -> None:
    """What other tests left for the collector to log is logged before this one listens."""
    gc.collect()


class Search:
    """Looks for what was planted."""

    def __init__(self) -> None:
        self.secrets = {VENDOR_KEY, LIVEKIT_SECRET}
        self.searched = 0
        self.found: list[str] = []

    def mint(self, spec: TokenSpec) -> str:
        """A real token, which is a secret from now on."""
        made = TokenMint(LIVEKIT, "memory").mint(spec)
        self.secrets |= {made, made.rpartition(".")[2]}
        return made

    def look(self, where: str, text: str) -> None:
        """Search one place."""
        self.searched += 1
        self.found += [f"{where}: {text[:80]}" for secret in self.secrets if secret in text]

    def error(self, where: str, error: BaseException) -> None:
        """An error, its chain, and its tracebacks with all locals."""
        for text in places(error):
            self.look(where, text)

    def logs(self, caplog: pytest.LogCaptureFixture) -> None:
        """Everything that any library logged."""
        for record in caplog.records:
            self.look(f"log of {record.name}", f"{record.getMessage()} {vars(record)}")
            if record.exc_info and record.exc_info[1]:
                self.error(f"log of {record.name}", record.exc_info[1])

    def folder(self, folder: Path) -> None:
        """Every file that was written."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.look(str(path.name), path.read_text(errors="replace"))

    def check(self) -> None:
        TOTAL["places"] += self.searched
        assert self.searched > 20
        assert self.found == []


def decoding(bring: Bring) -> Bring:
    """Workers that understand a real token."""

    async def bring_decoded(session: VendorSession, scenario: Scenario) -> Mapping[str, Any]:
        claims = jwt.decode(session.token, options={"verify_signature": False})
        spec = TokenSpec(identity=claims["sub"], attributes=claims["attributes"])
        seen, session.token = session.token, workers.mint(spec)
        try:
            return await bring(session, scenario)
        finally:
            session.token = seen

    return bring_decoded


def told(scene: Scene) -> Iterator[BaseException]:
    yield from (event.error for event in scene.told(AvatarFailed))
    if scene.controller.last_error is not None:
        yield scene.controller.last_error


async def start_and_search(vendor: FakeVendor, folder: Path, **where: object) -> Search:
    """One start and end, and a look at all that it shows."""
    search, room = Search(), MemoryRoom()
    account = vendor.account
    account._bring = decoding(silent_workers(room))
    provider = make_acme(SafeRetry.LOOKUP, api_key=SecretStr(VENDOR_KEY), **where)  # type: ignore[arg-type]
    scene = Scene(
        room,
        provider,
        ledger=folder,
        mint=search.mint,
        join_timeout_s=1.0,
        provision_timeout_s=2.0,
    )
    await scene.controller.start()
    await scene.controller.settled()
    lease = scene.controller.lease
    for thing in (
        provider,
        provider.settings,
        provider.rest,
        scene.controller,
        scene.context,
        lease,
    ):
        search.look(f"repr of {type(thing).__name__}", f"{thing!r} {thing}")
        search.look(f"attributes of {type(thing).__name__}", str(vars(thing) if thing else ""))
    for event in scene.events:
        search.look("event", repr(event))
    for error in told(scene):
        search.error("error", error)
    search.folder(folder)
    await scene.close()
    for task in asyncio.all_tasks():
        search.look("task", repr(task))
    for process in psutil.process_iter():
        try:
            search.look("process listing", " ".join(process.cmdline()))
        except psutil.Error:
            continue
    await vendor.aclose()
    return search


async def nobody(*_: object) -> Mapping[str, Any]:
    raise AssertionError


@pytest.mark.parametrize("name", OVER_TCP)
async def test_over_tcp(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    vendor = FakeVendor(VendorAccount(nobody, absent_timeout_s=1.0), key=VENDOR_KEY)
    if name:
        vendor.fail(name)
    async with serve_http(vendor) as address:
        search = await start_and_search(vendor, tmp_path, api_url=address)
    search.logs(caplog)
    search.check()


async def test_a_vendor_that_says_it_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    vendor = Indiscreet(VendorAccount(nobody), key=VENDOR_KEY)
    async with serve_http(vendor) as address:
        search = await start_and_search(vendor, tmp_path, api_url=address)
    search.logs(caplog)
    search.check()


@pytest.mark.livekit
async def test_a_real_room_with_a_worker_process(
    server: DevServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    search = Search()
    search.secrets = {server.api_secret}
    link = await join(server.url, token(server, "canary", "agent"))
    avatar = create_avatar([MockSettings(width=64, height=64)], livekit=settings_of(server))
    metrics: list[object] = []
    avatar.on("metrics_collected", metrics.append)
    session: AgentSession[None] = AgentSession()
    await avatar.start(session, room=link.room)
    await avatar.wait_for_join()
    for process in psutil.process_iter():
        try:
            search.look("process listing", " ".join(process.cmdline()))
        except psutil.Error:
            continue
    for thing in (avatar, avatar.avatar, *metrics):
        search.look(type(thing).__name__, f"{thing!r} {getattr(thing, '__dict__', '')}")
    await avatar.aclose()
    await session.aclose()
    await link.aclose()
    search.logs(caplog)
    for record in caplog.records:
        assert "eyJ" not in record.getMessage(), "a token is in a log"
    search.check()


@pytest.mark.parametrize(
    "where", ["log", "error", "cause", "local", "ledger", "attribute", "metric"]
)
async def test_a_planted_leak_is_found(
    where: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    search = Search()
    planted = search.mint(TokenSpec(identity="x")) if where == "metric" else VENDOR_KEY
    if where == "log":
        logging.getLogger("httpcore").warning("sent %s", {"authorization": planted})
    elif where == "ledger":
        (tmp_path / "entry.json").write_text(json.dumps({"state": {"key": planted}}))
    elif where in ("attribute", "metric"):
        search.look(where, str(vars(AvatarError("x", hint=planted))))
    else:
        with pytest.raises(AvatarError) as caught:
            fail(where, planted)
        search.error("error", caught.value)
    search.logs(caplog)
    search.folder(tmp_path)
    assert search.found


def fail(where: str, planted: str) -> None:
    """Break with a secret in one of the places of an error."""
    if where == "error":
        raise AvatarError(f"it is {planted}.")
    if where == "cause":
        try:
            raise KeyError(planted)
        except KeyError as error:
            raise AvatarError("it broke.") from error
    held = [planted]
    raise AvatarError(f"it broke {len(held)} times.")


def test_places_were_searched() -> None:
    print(f"{TOTAL['places']} places searched, 0 leaks")
    assert TOTAL["places"] == 0 or TOTAL["places"] > 1000
