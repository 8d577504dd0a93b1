"""`avatar doctor` reports each planted mistake in one line, with a hint."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from avatar_provider_tavus.simulator.api import TavusApi

from avatar_core.cli import checks
from avatar_core.cli.checks import CheckResult
from avatar_core.cli.doctor import run
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.testing import VendorAccount, serve_http
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.ports import find_free_ports
from providers.tavus.tests.server_harness import nobody

pytestmark = pytest.mark.livekit

KEY = "tavus-key"
HEALTHY_S = 3.0


@pytest_asyncio.fixture
async def tavus(
    server: DevServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[TavusApi]:
    """A machine on which all is well, and its Tavus."""
    api = TavusApi(VendorAccount(nobody), key=KEY)
    async with serve_http(api) as address:
        for name, value in {
            "AVATAR_PROVIDER": "tavus",
            "AVATAR_LEDGER": str(tmp_path / "ledger"),
            "TAVUS_API_KEY": KEY,
            "TAVUS_API_URL": f"{address}/v2",
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": server.api_key,
            "LIVEKIT_API_SECRET": server.api_secret,
        }.items():
            monkeypatch.setenv(name, value)
        yield api
    await api.aclose()


async def examined(only: str = "") -> dict[str, CheckResult]:
    return {check.name: await check.run() for check in checks.list_checks() if only in check.name}


async def test_doctor_finds_no_fault_on_a_healthy_machine_within_3_s(tavus: TavusApi) -> None:
    began = time.monotonic()
    results = await examined()
    assert {result.status for result in results.values()} == {"ok"}, results
    assert time.monotonic() - began < HEALTHY_S
    assert set(results) == {
        *("provider", "versions", "ledger", "LiveKit", "tavus reachability", "tavus probe")
    }


Plant = Callable[[pytest.MonkeyPatch, TavusApi], None]


def variable(name: str, value: str | None) -> Plant:
    def plant(patch: pytest.MonkeyPatch, _: TavusApi) -> None:
        if value is None:
            patch.delenv(name)
        else:
            patch.setenv(name, value)

    return plant


def closed(name: str, url: str) -> Plant:
    return lambda patch, _: patch.setenv(name, url.format(port=find_free_ports()[0]))


def own_mind(patch: pytest.MonkeyPatch, tavus: TavusApi) -> None:
    pal = tavus.catalogue.add_pal({"default_face_id": "r0d1a2b3c4e5"})
    patch.setenv("TAVUS_PAL_ID", pal["pal_id"])


def both_names(patch: pytest.MonkeyPatch, _: TavusApi) -> None:
    patch.setenv("TAVUS_PAL_ID", "p1")
    patch.setenv("TAVUS_PERSONA_ID", "p2")


def leftovers(patch: pytest.MonkeyPatch, _: TavusApi) -> None:
    ledger = Ledger(Path(str(checks.AvatarSettings.load().ledger)))
    ledger_entry = LedgerEntry.pending("tavus", "room-1", "room", "tavus-avatar-1")
    ledger.write(replace(ledger_entry, started=ledger_entry.started - 60))


def unwritable(patch: pytest.MonkeyPatch, _: TavusApi) -> None:
    patch.setenv("AVATAR_LEDGER", "/proc/nobody/ledger")


def old_agents(patch: pytest.MonkeyPatch, _: TavusApi) -> None:
    known = checks.version
    patch.setattr(
        checks, "version", lambda name: "2.1.0" if name == "livekit-agents" else known(name)
    )


def no_skia(patch: pytest.MonkeyPatch, _: TavusApi) -> None:
    patch.setenv("AVATAR_PROVIDER", "local")
    for name in [name for name in sys.modules if name.startswith("avatar_provider_local.face.")]:
        patch.delitem(sys.modules, name)
    patch.setitem(sys.modules, "skia", None)


MISTAKES: dict[str, tuple[Plant, str, str, str, str]] = {
    "provider not set": (
        variable("AVATAR_PROVIDER", None),
        "provider",
        "AV101",
        "No avatar",
        "Set",
    ),
    "a misspelt provider": (
        variable("AVATAR_PROVIDER", "tavsu"),
        "provider",
        "AV201",
        "'tavsu'",
        "'tavus'",
    ),
    "API key not set": (
        variable("TAVUS_API_KEY", None),
        "provider",
        "AV103",
        "TAVUS_API_KEY",
        "Set the value",
    ),
    "an API key with a line break": (
        variable("TAVUS_API_KEY", "a\nb"),
        *("provider", "AV104", "printable ASCII", "Correct the value"),
    ),
    "old and new name both set": (both_names, "provider", "AV104", "both set", "Correct the value"),
    "a timer out of range": (
        variable("TAVUS_MAX_CALL_DURATION", "9999"),
        *("provider", "AV104", "TAVUS_MAX_CALL_DURATION", "Correct the value"),
    ),
    "a key of another vendor": (
        variable("TAVUS_API_KEY", "sk-another"),
        *("tavus probe", "AV301", "Invalid access token", "Check the API key"),
    ),
    "a PAL not in echo mode": (own_mind, "tavus probe", "AV304", "not in echo mode", "create-pal"),
    "an unknown face": (
        variable("TAVUS_FACE_ID", "r-none"),
        *("tavus probe", "AV304", "Invalid replica_uuid", "Correct"),
    ),
    "an unreachable Tavus": (
        closed("TAVUS_API_URL", "http://127.0.0.1:{port}/v2"),
        *("tavus probe", "AV305", "could not connect to", "Check the URL"),
    ),
    "LIVEKIT_URL not set": (
        variable("LIVEKIT_URL", None),
        *("LiveKit", "AV103", "LIVEKIT_URL: is not set", "Set the value"),
    ),
    "LIVEKIT_URL without a scheme": (
        variable("LIVEKIT_URL", "my-project.livekit.cloud"),
        *("LiveKit", "AV104", "must look like wss://", "Correct the value"),
    ),
    "an unreachable LiveKit": (
        closed("LIVEKIT_URL", "ws://127.0.0.1:{port}"),
        *("LiveKit", "AV405", "does not respond", "Check LIVEKIT_URL"),
    ),
    "a wrong API secret": (
        variable("LIVEKIT_API_SECRET", "x" * 40),
        *("LiveKit", "AV405", "refuses the API key", "LIVEKIT_API_KEY"),
    ),
    "a session of a dead process": (leftovers, "ledger", "", "1 paid session", "avatar reap"),
    "an unwritable ledger": (unwritable, "ledger", "", "cannot write to", "AVATAR_LEDGER"),
    "livekit-agents too new": (old_agents, "versions", "", "livekit-agents 2.1.0", "pip install"),
    "a missing system library": (no_skia, "local probe", "AV100", "Skia", "apt-get install"),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_doctor_reports_a_planted_mistake_with_a_hint(
    name: str, tavus: TavusApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, check, code, said, hint = MISTAKES[name]
    plant(monkeypatch, tavus)
    result = (await examined())[check]
    assert result.status in ("fault", "warning")
    assert result.code == code
    assert said in result.message
    assert hint in result.hint
    assert "\n" not in result.message + result.hint


async def test_doctor_reports_a_server_that_tavus_cannot_connect_to(
    tavus: TavusApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TAVUS_API_URL")
    result = (await examined(only="reach"))["tavus reachability"]  # nobody is requested anything
    assert (result.status, result.code) == ("fault", "AV307")
    assert "cannot connect to 127.0.0.1" in result.message
    assert "public URL" in result.hint


async def test_doctor_reports_a_clock_that_is_wrong_by_a_day(
    tavus: TavusApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def result(request: web.Request) -> web.Response:
        reported = {"Date": formatdate(time.time() - 86_400, usegmt=True)}
        status = 401 if request.method == "POST" else 200
        body = {"code": "unauthenticated", "msg": "token is expired"}
        return web.json_response(body, status=status, headers=reported)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", result)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        monkeypatch.setenv("LIVEKIT_URL", f"ws://127.0.0.1:{runner.addresses[0][1]}")
        reported = (await examined())["LiveKit"]
    finally:
        await runner.cleanup()
    assert (reported.status, reported.code) == ("fault", "AV405")
    assert "clock is +8640" in reported.message
    assert "timedatectl" in reported.hint


def test_doctor_prints_json_or_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", "nobody")
    monkeypatch.delenv("LIVEKIT_URL", raising=False)
    assert run(as_json=True) == 1
    reported = json.loads(capsys.readouterr().out)
    assert reported[0]["check"] == "provider"
    assert reported[0]["code"] == "AV201"
    assert run(as_json=False) == 1
    line = next(it for it in capsys.readouterr().out.splitlines() if "✗ provider:" in it)
    assert line.endswith("[AV201]")
