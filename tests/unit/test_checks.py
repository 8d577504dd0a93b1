"""The checks of `avatar doctor` that need no server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from avatar_core.cli import checks
from tests.support.plugins import FakeSite, provider_source


async def run_check(name: str) -> checks.CheckResult:
    (found,) = [check for check in checks.list_checks() if check.name == name]
    return await found.run()


def plug(site: FakeSite, patch: pytest.MonkeyPatch, body: str) -> None:
    site.install(
        "avatar-provider-sick",
        {"sick": "plugin_sick:Provider"},
        {"plugin_sick": provider_source("sick", body)},
    )
    patch.setenv("AVATAR_PROVIDER", "sick")


async def test_check_that_raises_is_reported_as_a_bug_of_its_package(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(site, monkeypatch, "async def probe(self): raise KeyError('sk-canary')")
    result = await run_check("sick probe")
    assert result.status == "fault"
    assert result.message == "the check raised KeyError (plugin_sick.py, line 11)"
    assert result.hint == "This is a bug of plugin_sick. Report it to its author."
    assert "in probe" in result.trace
    assert result.trace.endswith("KeyError (plugin_sick.py, line 11)")


async def test_probe_check_reports_a_provider_without_a_probe(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(site, monkeypatch, "")
    assert (await run_check("sick probe")).message == "the provider offers no check of its settings"


async def test_inherited_probe_is_called(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install(
        "avatar-provider-sick",
        {"sick": "plugin_heir:Provider"},
        {
            "plugin_sick": provider_source("sick", "async def probe(self): return None"),
            "plugin_heir": "import plugin_sick\nclass Provider(plugin_sick.Provider): pass",
        },
    )
    monkeypatch.setenv("AVATAR_PROVIDER", "sick")
    assert (await run_check("sick probe")).message == "the key and the settings work"


async def test_unreadable_ledger_file_gives_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AVATAR_LEDGER", str(tmp_path))
    assert (await run_check("ledger")).status == "ok"
    (tmp_path / "broken.json").write_text("{half")
    result = await run_check("ledger")
    assert result.status == "warning"
    assert "cannot read 1 files in " in result.message


async def test_shared_ledger_folder_gives_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AVATAR_LEDGER", str(tmp_path))
    await asyncio.to_thread(tmp_path.chmod, 0o777)
    result = await run_check("ledger")
    assert result.status == "warning"
    assert "mode 0777 lets other users write to it; run: chmod go-w" in result.message


@pytest.mark.parametrize(
    ("provider", "at", "room", "status", "message"),
    [
        ("local", "", "ws://127.0.0.1:7880", "ok", "the worker runs on the same machine"),
        ("local", "http://127.0.0.1:1", "ws://127.0.0.1:7880", "ok", "127.0.0.1 is this machine"),
        (
            "local",
            "https://faces.acme.io",
            "ws://127.0.0.1:7880",
            "fault",
            "cannot connect to 127.0.0.1",
        ),
        (
            "local",
            "https://faces.acme.io",
            "ws://10.0.0.5",
            "ok",
            "faces.acme.io must be able to connect",
        ),
        ("tavus", "https://tavusapi.com/v2", "wss://x.livekit.cloud", "ok", "is a public address"),
        (
            "tavus",
            "https://tavusapi.com/v2",
            "ws://livekit:7880",
            "fault",
            "cannot connect to livekit",
        ),
        (
            "tavus",
            "http://127.0.0.1:8787",
            "ws://127.0.0.1:7880",
            "ok",
            "127.0.0.1 is this machine",
        ),
    ],
)
async def test_reachability_check_compares_the_vendor_and_livekit_urls(
    provider: str, at: str, room: str, status: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"local": "AVATAR_LOCAL", "tavus": "TAVUS"}[provider]
    for name, value in {
        "AVATAR_PROVIDER": provider,
        "LIVEKIT_URL": room,
        "LIVEKIT_API_KEY": "k",
        "LIVEKIT_API_SECRET": "s",
        f"{own}_{'URL' if provider == 'local' else 'API_URL'}": at,
        f"{own}_API_KEY": "k" if at else "",
    }.items():
        monkeypatch.setenv(name, value)
    result = await run_check(f"{provider} reachability")
    assert result.status == status
    assert message in result.message
