"""What `avatar doctor` says where no server is needed to ask."""

from __future__ import annotations

import pytest

from avatar_core.cli import checks
from tests.plugins import FakeSite, provider_source


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
    assert told.said == "the check itself broke (KeyError)"
    assert told.hint == "That is a defect of plugin_sick: report it there."


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
