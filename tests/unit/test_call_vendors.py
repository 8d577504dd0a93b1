"""A call in memory works with every provider whose distribution offers a fake vendor."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
from livekit.agents import Agent

from avatar_core.contracts.errors import ConfigError, PaymentError
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.settings import AvatarSettings
from avatar_core.testing import AvatarCall, ScriptedLLM, VendorFault
from avatar_core.testing.call.providers import CallProviders
from avatar_core.testing.call.room import MemoryCallRoom
from avatar_core.testing.clock import now
from avatar_core.testing.fake_vendor.installed import GROUP
from avatar_core.testing.rest_harness import Acme, AcmeSettings

pytestmark = pytest.mark.virtual_time

VENDORS = sorted(point.name for point in entry_points(group=GROUP))


def make_agent() -> Agent:
    return Agent(instructions="", llm=ScriptedLLM({"Hello": "Good morning, how can I help you?"}))


@pytest.mark.parametrize("provider", VENDORS)
async def test_avatar_of_a_vendor_speaks_and_its_session_ends(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_cls = ProviderRegistry().load(provider).settings_cls
    for field in [field for field in settings_cls.model_fields if field.endswith("_id")]:
        monkeypatch.setenv(settings_cls.variable_of(field), "only-the-real-vendor-knows-it")
    async with AvatarCall(make_agent(), avatar=provider) as call:
        await call.user_says("Hello")
        await call.agent_finished()
        assert call.heard == "Good morning, how can I help you?"
        assert call.events == [f"{provider} joined"]
        assert (call.sessions.created, call.sessions.open) == (1, 1)
        call.vendor.check_called()
    assert call.sessions.open == 0


async def test_vendor_with_status_402_is_not_paid() -> None:
    async with AvatarCall(make_agent(), avatar="tavus", fault="vendor answers 402") as call:
        await call.user_says("Hello")
        await call.agent_finished()
        assert call.heard == "Good morning, how can I help you?"
        assert isinstance(call.avatar.last_error, PaymentError)
        assert call.sessions.created == 0


async def test_second_provider_speaks_after_the_worker_of_a_vendor_died() -> None:
    call = AvatarCall(make_agent(), avatar="tavus", fault="worker dies at 1 s")
    async with call:
        await call.user_says("Hello")
        await call.agent_finished()
        assert call.events[:3] == ["tavus joined", "voice speaks", "tavus was lost"]
        assert call.problems() == []


@pytest.mark.parametrize(
    "provider",
    [
        "mock",
        *(
            name if name == "tavus" else pytest.param(name, marks=pytest.mark.slow)
            for name in VENDORS
        ),
    ],
)
async def test_late_avatar_of_each_provider_joins_after_45_seconds(provider: str) -> None:
    settings = AvatarSettings(join_timeout_s=80.0)
    call = AvatarCall(make_agent(), avatar=provider, fault="avatar joins late", settings=settings)
    began_s = now()
    async with call:
        assert call.events == [f"{provider} joined"]
        assert now() - began_s == pytest.approx(45.0, abs=1.0)


async def test_mock_refuses_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_MOCK_FAULT", "402")
    async with AvatarCall(make_agent(), avatar="mock") as call:
        assert isinstance(call.avatar.last_error, PaymentError)
    monkeypatch.setenv("AVATAR_MOCK_FAULT", "403 at noon")
    with pytest.raises(ConfigError, match=r"AVATAR_MOCK_FAULT.* The faults are: 400, 401"):
        async with AvatarCall(make_agent(), avatar="mock"):
            pass


async def test_provider_without_a_fake_vendor_is_refused() -> None:
    with pytest.raises(ConfigError, match="Pass vendor="):
        async with AvatarCall(make_agent(), avatar=Acme(AcmeSettings())):
            pass


async def test_fake_vendor_with_sockets_is_refused_on_a_server_with_the_reason() -> None:
    providers = CallProviders("mock,liveavatar", None, None, MemoryCallRoom())
    with pytest.raises(ConfigError, match=r"'liveavatar' .* in memory only, because .*='mock'"):
        await providers.resolve(AvatarSettings(), over_tcp=True)
    await providers.aclose()


async def test_session_that_nobody_could_end_is_open_after_the_call() -> None:
    async with AvatarCall(make_agent(), avatar="tavus") as call:
        call.vendor.fail(VendorFault(on="end", status=500, times=0))
        await call.inject("worker freezes")
    assert (call.sessions.created, call.sessions.open) == (1, 1)


async def test_avatar_of_a_socket_vendor_has_the_fault_of_its_worker() -> None:
    call = AvatarCall(make_agent(), avatar="liveavatar", fault="worker falls silent at 1 s")
    async with call:
        await call.user_says("Hello")
        await call.agent_finished()
        assert call.events[:3] == ["liveavatar joined", "voice speaks", "liveavatar was lost"]
        assert call.problems() == []
    assert (call.sessions.created, call.sessions.open) == (2, 0)
