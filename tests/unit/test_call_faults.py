"""The faults of a call: when they start, and the refusal of faults that cannot have an effect."""

from __future__ import annotations

import pytest
from avatar_provider_mock import MockSettings
from livekit.agents import Agent

from avatar_core.contracts.errors import ConfigError, SettingsError
from avatar_core.settings import AvatarSettings
from avatar_core.testing import FAULTS, AvatarCall, ScriptedLLM
from avatar_core.testing.call.faults import CallFaults
from avatar_core.testing.call.server_room import ServerCallRoom
from avatar_core.testing.fake_vendor.front import VendorFront
from avatar_core.testing.faults.by_name import find_fault

pytestmark = pytest.mark.virtual_time

NO_RETRY = AvatarSettings(retries=0)


def make_agent() -> Agent:
    text = "There is a lot to tell about it, because the weather in Rome changes every day."
    return Agent(instructions="", llm=ScriptedLLM({"Tell me": text}))


async def test_faults_start_while_the_avatar_is_live() -> None:
    async with AvatarCall(make_agent()) as call:
        await call.user_says("Tell me")
        await call.until_heard(4)
        await call.inject("worker dies")
        await call.until_event("mock was lost")
        await call.until_event("mock joined")
        await call.agent_finished()
        assert call.sessions.created == 2
        with pytest.raises(ConfigError, match="cannot start while the avatar is live"):
            await call.inject("worker falls silent")
        with pytest.raises(ConfigError, match="must not contain a time"):
            await call.inject("worker dies at 2 s")


@pytest.mark.parametrize(
    "fault", ["worker dies", "avatar never joins", "vendor answers 402", "vendor: end fails once"]
)
async def test_fault_in_a_call_without_an_avatar_is_refused(fault: str) -> None:
    async with AvatarCall(make_agent(), avatar="voice") as call:
        with pytest.raises(ConfigError, match=f"no avatar, so the fault '{fault}' has no effect"):
            await call.inject(fault)
    with pytest.raises(ConfigError, match=f"no avatar, so the fault '{fault}' has no effect"):
        async with AvatarCall(make_agent(), avatar="voice", fault=fault):
            pass


async def test_fault_after_the_avatar_has_failed_is_refused() -> None:
    async with AvatarCall(make_agent(), fault="vendor answers 402") as call:
        with pytest.raises(ConfigError, match="No avatar is live"):
            await call.inject("worker dies")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("worker dies", "worker dies"),
        ("worker dies", "worker freezes"),
        ("worker leaves", "server mutes the avatar"),
        ("worker freezes", "worker freezes"),
        ("worker freezes", "worker reconnects"),
        ("worker mutes its track", "server mutes the avatar"),
        ("server revokes the permission", "worker mutes its track"),
    ],
)
async def test_second_fault_of_a_worker_that_cannot_have_it_is_refused(
    first: str, second: str
) -> None:
    async with AvatarCall(make_agent(), settings=NO_RETRY) as call:
        await call.inject(first)
        with pytest.raises(ConfigError, match=f"fault '{second}' has no effect|No avatar is live"):
            await call.inject(second)


async def test_worker_that_died_by_a_fault_of_the_call_cannot_have_another_fault() -> None:
    async with AvatarCall(make_agent(), fault="worker dies at 0.5 s", settings=NO_RETRY) as call:
        await call.until_event("mock was lost")
        with pytest.raises(ConfigError, match="has no effect"):
            await call.inject("worker leaves")


async def test_worker_may_reconnect_twice() -> None:
    async with AvatarCall(make_agent()) as call:
        await call.inject("worker reconnects")
        await call.user_says("Tell me")
        await call.until_heard(4)
        await call.inject("worker reconnects")
        await call.agent_finished()
        assert call.problems() == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (["worker dies at 0.5 s", "worker dies"], "'worker dies' had no effect: no avatar started"),
        ("worker dies at 60 s", "'worker dies at 60 s' had no effect: the call ended"),
        (["vendor answers 402", "vendor answers 500"], "500' had no effect: no such request"),
    ],
)
async def test_fault_that_nothing_had_fails_the_test_with_the_reason(
    fault: str | list[str], reason: str
) -> None:
    with pytest.raises(AssertionError, match=reason) as raised:  # noqa: PT012
        async with AvatarCall(make_agent(), fault=fault, settings=NO_RETRY) as call:
            await call.user_says("Tell me")
            await call.agent_finished()
    assert "user: Tell me" in raised.value.__notes__[0]


async def test_fault_that_starts_in_the_call_and_nothing_had_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="'avatar never joins' had no effect"):
        async with AvatarCall(make_agent()) as call:
            await call.inject("avatar never joins")
    with pytest.raises(AssertionError, match="'vendor: find fails once' had no effect"):
        async with AvatarCall(make_agent(), avatar="runway") as call:
            await call.inject("vendor: find fails once")


async def test_unused_fault_does_not_replace_the_error_of_the_test() -> None:
    with pytest.raises(ZeroDivisionError):
        async with AvatarCall(make_agent(), fault="worker dies at 60 s"):
            raise ZeroDivisionError


@pytest.mark.parametrize(
    "fault", ["vendor: double delivery", "vendor: end fails once", "vendor: find fails once"]
)
async def test_fault_of_a_request_that_the_provider_never_sends_is_refused(fault: str) -> None:
    with pytest.raises(ConfigError, match="has no vendor, and only creates avatars"):
        async with AvatarCall(make_agent(), fault=fault):
            pass
    async with AvatarCall(make_agent()) as call:
        with pytest.raises(ConfigError, match="has no vendor, and only creates avatars"):
            await call.inject(fault)


async def test_fault_that_needs_the_rights_of_a_server_is_refused_before_a_call_on_a_server() -> (
    None
):
    faults = CallFaults(ServerCallRoom())
    faults.add_api(VendorFront("mock"), has_workers=True)
    with pytest.raises(ConfigError, match=r"await call.inject\('server mutes the avatar'\)"):
        faults.prepare(find_fault("server mutes the avatar"))


async def test_worker_fault_without_a_worker_of_the_test_kit_is_refused() -> None:
    faults = CallFaults(ServerCallRoom())
    faults.add_api(VendorFront("livekit:anam"), has_workers=False)
    with pytest.raises(ConfigError, match="starts the worker of no provider"):
        faults.prepare(find_fault("worker dies"))


@pytest.mark.parametrize("fault", [name for name, one in FAULTS.items() if not one.fails_create])
def test_mock_refuses_a_fault_that_it_cannot_show(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_MOCK_FAULT", fault)
    with pytest.raises(SettingsError, match=r"AVATAR_MOCK_FAULT.*has no effect"):
        MockSettings()
