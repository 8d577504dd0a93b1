"""No output contains a key or a token, whatever fails: planted secrets are searched everywhere."""

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
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.fake_vendor.account import LaunchWorker, VendorAccount, VendorSession
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.http_server import serve_http
from avatar_core.testing.fake_vendor.responses import json_response
from avatar_core.testing.faults.scenario import QUIET, Scenario
from avatar_core.testing.rest_harness import make_acme, silent_workers
from avatar_core.testing.room import workers
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token, livekit_settings
from avatar_core.testing.suites.secrets import error_texts

VENDOR_KEY = "canary-vendor-key-5d1e"
LIVEKIT_SECRET = "canary-livekit-secret-" + "9" * 20
LIVEKIT = LiveKitSettings.load(
    url="ws://127.0.0.1:7880", api_key="APIcanary", api_secret=LIVEKIT_SECRET
)
OVER_TCP = (
    *("", "401", "429", "500 after create", "reset after create"),
    *("html", "huge body", "redirect", "worker never joins", "end is lost"),
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("timeout after create", "trickle")),
)
TOTAL: dict[str, int] = {"texts": 0}


class EchoingVendor(FakeVendor):
    """Sends every request back in its error message."""

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> FakeResponse:
        echo = f"{dict(headers)} {body.decode()}"
        return json_response(400, {"error": {"message": echo}, "token": body.decode()})


@pytest.fixture(autouse=True)
def _collect_garbage_of_other_tests() -> None:
    """Collect the objects of other tests, whose finalizers log, before this test records logs."""
    gc.collect()


class SecretSearch:
    """Searches texts for the planted secrets."""

    def __init__(self) -> None:
        self.secrets = {VENDOR_KEY, LIVEKIT_SECRET}
        self.searched = 0
        self.found: list[str] = []

    def mint(self, spec: TokenSpec) -> str:
        """Return a real token, and search for it from now on."""
        token = TokenMint(LIVEKIT, "memory").mint(spec)
        self.secrets |= {token, token.rpartition(".")[2]}
        return token

    def search(self, where: str, text: str) -> None:
        """Search one text."""
        self.searched += 1
        self.found += [f"{where}: {text[:80]}" for secret in self.secrets if secret in text]

    def search_error(self, where: str, error: BaseException) -> None:
        """Search an error, its chain, and its tracebacks with all local variables."""
        for text in error_texts(error):
            self.search(where, text)

    def search_logs(self, caplog: pytest.LogCaptureFixture) -> None:
        """Search everything that any library logged."""
        for record in caplog.records:
            self.search(f"log of {record.name}", f"{record.getMessage()} {vars(record)}")
            if record.exc_info and record.exc_info[1]:
                self.search_error(f"log of {record.name}", record.exc_info[1])

    def search_folder(self, folder: Path) -> None:
        """Search every file of a folder."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.search(str(path.name), path.read_text(errors="replace"))

    def check(self) -> None:
        """Check that many texts were searched, and that no secret was found."""
        TOTAL["texts"] += self.searched
        assert self.searched > 20
        assert self.found == []


def decoding(launch: LaunchWorker) -> LaunchWorker:
    """Return a launcher that replaces the real token by one of a room in memory."""

    async def launch_decoded(session: VendorSession, scenario: Scenario) -> Mapping[str, Any]:
        claims = jwt.decode(session.token, options={"verify_signature": False})
        spec = TokenSpec(identity=claims["sub"], attributes=claims["attributes"])
        real, session.token = session.token, workers.mint(spec)
        try:
            return await launch(session, scenario)
        finally:
            session.token = real

    return launch_decoded


def reported_errors(harness: FailoverHarness) -> Iterator[BaseException]:
    """Yield the errors of the events, and the last error."""
    yield from (event.error for event in harness.events_of(AvatarFailed))
    if harness.controller.last_error is not None:
        yield harness.controller.last_error


async def start_and_search(vendor: FakeVendor, folder: Path, **options: object) -> SecretSearch:
    """Start and end one avatar, and search everything that it shows."""
    search, room = SecretSearch(), MemoryRoom()
    account = vendor.account
    account._launch_worker = decoding(silent_workers(room))
    provider = make_acme(SafeRetry.LOOKUP, api_key=SecretStr(VENDOR_KEY), **options)  # type: ignore[arg-type]
    harness = FailoverHarness(
        room,
        provider,
        ledger=folder,
        mint=search.mint,
        join_timeout_s=1.0,
        provision_timeout_s=2.0,
    )
    await harness.controller.start()
    await harness.controller.wait_until_settled()
    lease = harness.controller.lease
    for thing in (
        provider,
        provider.settings,
        provider.rest,
        harness.controller,
        harness.context,
        lease,
    ):
        search.search(f"repr of {type(thing).__name__}", f"{thing!r} {thing}")
        search.search(f"attributes of {type(thing).__name__}", str(vars(thing) if thing else ""))
    for event in harness.events:
        search.search("event", repr(event))
    for error in reported_errors(harness):
        search.search_error("error", error)
    search.search_folder(folder)
    await harness.close()
    for task in asyncio.all_tasks():
        search.search("task", repr(task))
    for process in psutil.process_iter():
        try:
            search.search("process listing", " ".join(process.cmdline()))
        except psutil.Error:
            continue
    await vendor.aclose()
    return search


async def launch_nothing(*_: object) -> Mapping[str, Any]:
    raise AssertionError


@pytest.mark.parametrize("name", OVER_TCP)
async def test_avatar_started_over_tcp_leaves_no_secret_in_logs(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor = FakeVendor(VendorAccount(launch_nothing, absent_timeout_s=1.0), key=VENDOR_KEY)
    if name:
        vendor.fail(name)
    async with serve_http(vendor) as address:
        search = await start_and_search(vendor, tmp_path, api_url=address)
    search.search_logs(caplog)
    search.check()


async def test_vendor_that_echoes_requests_causes_no_leak(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor = EchoingVendor(VendorAccount(launch_nothing), key=VENDOR_KEY)
    async with serve_http(vendor) as address:
        search = await start_and_search(vendor, tmp_path, api_url=address)
    search.search_logs(caplog)
    search.check()


@pytest.mark.livekit
async def test_real_room_with_a_worker_process_shows_no_secret(
    server: DevServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    search = SecretSearch()
    search.secrets = {server.api_secret}
    link = await join(server.url, create_token(server, "canary", "agent"))
    avatar = create_avatar([MockSettings(width=64, height=64)], livekit=livekit_settings(server))
    metrics: list[object] = []
    avatar.on("metrics_collected", metrics.append)
    session: AgentSession[None] = AgentSession()
    await avatar.start(session, room=link.room)
    await avatar.wait_for_join()
    for process in psutil.process_iter():
        try:
            search.search("process listing", " ".join(process.cmdline()))
        except psutil.Error:
            continue
    for thing in (avatar, avatar.avatar, *metrics):
        search.search(type(thing).__name__, f"{thing!r} {getattr(thing, '__dict__', '')}")
    await avatar.aclose()
    await session.aclose()
    await link.aclose()
    search.search_logs(caplog)
    for record in caplog.records:
        assert "eyJ" not in record.getMessage(), "a log contains a token"
    search.check()


@pytest.mark.parametrize(
    "where", ["log", "error", "cause", "local", "ledger", "attribute", "metric"]
)
async def test_planted_leak_is_found(
    where: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    search = SecretSearch()
    planted = search.mint(TokenSpec(identity="x")) if where == "metric" else VENDOR_KEY
    if where == "log":
        logging.getLogger("httpcore").warning("sent %s", {"authorization": planted})
    elif where == "ledger":
        (tmp_path / "ledger_entry.json").write_text(json.dumps({"state": {"key": planted}}))
    elif where in ("attribute", "metric"):
        search.search(where, str(vars(AvatarError("x", hint=planted))))
    else:
        with pytest.raises(AvatarError) as caught:
            fail(where, planted)
        search.search_error("error", caught.value)
    search.search_logs(caplog)
    search.search_folder(tmp_path)
    assert search.found


def fail(where: str, planted: str) -> None:
    """Raise an error with a secret in one of its parts."""
    if where == "error":
        raise AvatarError(f"it is {planted}.")
    if where == "cause":
        try:
            raise KeyError(planted)
        except KeyError as error:
            raise AvatarError("it broke.") from error
    local = [planted]
    raise AvatarError(f"it broke {len(local)} times.")


def test_search_covers_more_than_1000_texts() -> None:
    print(f"{TOTAL['texts']} texts searched, 0 leaks")
    assert TOTAL["texts"] == 0 or TOTAL["texts"] > 1000
