"""What `avatar doctor` says where no server is needed to ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core.cli import checks
from tests.support.plugins import FakeSite, provider_source


async def answer(name: str) -> checks.Answer:
    (found,) = [check for check in checks.checks() if check.name == name]
    return await found.answer()


def plug(site: FakeSite, patch: pytest.MonkeyPatch, body: str) -> None:
    site.install(
        "avatar-provider-sick",
        {"sick": "plugin_sick:Provider"},
        {"plugin_sick": provider_source("sick", body)},
    )
    patch.setenv("AVATAR_PROVIDER", "sick")


async def test_a_check_that_breaks_is_a_fault_of_its_package(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(site, monkeypatch, "async def probe(self): raise KeyError('sk-canary')")
    told = await answer("sick probe")
    assert told.verdict == "fault"
    assert told.said == "the check raised KeyError (plugin_sick.py, line 11)"
    assert told.hint == "This is a bug of plugin_sick. Report it to its author."
    assert "in probe" in told.trace
    assert told.trace.endswith("KeyError (plugin_sick.py, line 11)")


async def test_only_who_has_no_probe_has_nothing_to_ask(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(site, monkeypatch, "")
    assert (await answer("sick probe")).said == "it has nothing to ask"


async def test_an_inherited_probe_is_one(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install(
        "avatar-provider-sick",
        {"sick": "plugin_heir:Provider"},
        {
            "plugin_sick": provider_source("sick", "async def probe(self): return None"),
            "plugin_heir": "import plugin_sick\nclass Provider(plugin_sick.Provider): pass",
        },
    )
    monkeypatch.setenv("AVATAR_PROVIDER", "sick")
    assert (await answer("sick probe")).said == "its key and its choices work"


async def test_a_ledger_file_that_cannot_be_read_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AVATAR_LEDGER", str(tmp_path))
    assert (await answer("ledger")).verdict == "ok"
    (tmp_path / "broken.json").write_text("{half")
    told = await answer("ledger")
    assert told.verdict == "warning"
    assert "1 of " in told.said
    assert "cannot be read" in told.said


@pytest.mark.parametrize(
    ("provider", "at", "room", "verdict", "said"),
    [
        ("local", "", "ws://127.0.0.1:7880", "ok", "its worker runs where your agent runs"),
        ("local", "http://127.0.0.1:1", "ws://127.0.0.1:7880", "ok", "127.0.0.1 reaches what"),
        (
            "local",
            "https://faces.acme.io",
            "ws://127.0.0.1:7880",
            "fault",
            "cannot connect to 127.0.0.1",
        ),
        ("local", "https://faces.acme.io", "ws://10.0.0.5", "ok", "faces.acme.io must reach it"),
        ("tavus", "https://tavusapi.com/v2", "wss://x.livekit.cloud", "ok", "looks public"),
        (
            "tavus",
            "https://tavusapi.com/v2",
            "ws://livekit:7880",
            "fault",
            "cannot connect to livekit",
        ),
        ("tavus", "http://127.0.0.1:8787", "ws://127.0.0.1:7880", "ok", "127.0.0.1 reaches what"),
    ],
)
async def test_where_a_room_must_be_reached_from(
    provider: str, at: str, room: str, verdict: str, said: str, monkeypatch: pytest.MonkeyPatch
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
    told = await answer(f"{provider} reach")
    assert told.verdict == verdict
    assert said in told.said
