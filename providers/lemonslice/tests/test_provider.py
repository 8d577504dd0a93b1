"""LemonSliceProvider with a LemonSlice in memory: errors, the end of a session, and controls."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from avatar_provider_lemonslice import LemonSliceProvider, controls
from avatar_provider_lemonslice.fake import AGENTS, FakeLemonSlice

from avatar_core import (
    AudioFormat,
    AuthError,
    CapacityError,
    Outcome,
    PaymentError,
    ProvisionedAvatar,
    ProvisionError,
    RejectedError,
    UnavailableError,
    UnsupportedCommandError,
)
from avatar_core.testing import VendorFault
from avatar_core.testing.stock_plugin import make_request
from providers.lemonslice.tests.cases import SETTINGS
from tests.support.vendor_tests import ControlledAvatar, check_schema, connect, open_vendor

OPENAPI = Path(__file__).parent / "openapi.json"


@pytest.mark.parametrize(
    ("settings", "account", "kind", "said"),
    [
        ({"api_key": "of-another"}, {}, AuthError, "Invalid API key"),
        ({}, {"credits_s": 0.0}, PaymentError, "Insufficient funds"),
        ({}, {"slots": 0}, CapacityError, "Concurrency limit"),
        ({"agent_id": "agent_none"}, {}, RejectedError, "Agent not found"),
    ],
)
async def test_refused_create_raises_the_error_of_its_status(
    settings: dict[str, Any], account: dict[str, Any], kind: type[ProvisionError], said: str
) -> None:
    async with open_vendor(FakeLemonSlice, **account) as vendor:
        provider = connect(LemonSliceProvider, vendor, **{**SETTINGS, **settings})
        with pytest.raises(kind, match=said) as caught:
            await provider.provision(make_request())
        assert caught.value.outcome is Outcome.REJECTED
        assert not vendor.account.sessions


async def test_session_is_terminated_once_and_an_unknown_one_counts_as_ended() -> None:
    async with open_vendor(FakeLemonSlice) as vendor:
        provider = connect(LemonSliceProvider, vendor, **SETTINGS)
        avatar = await provider.provision(make_request())
        for _ in range(2):
            await provider.release(avatar, "over")
        (session,) = vendor.account.sessions
        assert session.end_reason == "it was terminated"
        await provider.release(ProvisionedAvatar(session_id="livekit-1", identity="x"), "over")


@pytest.mark.parametrize("status", [400, 404])
async def test_refused_end_raises_only_while_the_session_is_queued_or_active(status: int) -> None:
    async with open_vendor(FakeLemonSlice) as vendor:
        provider = connect(LemonSliceProvider, vendor, **SETTINGS)
        avatar = await provider.provision(make_request())
        vendor.fail(VendorFault(on="end", status=status, message="Not ready", times=2))
        with pytest.raises(UnavailableError, match=r"did not end the session: .*Not ready"):
            await provider.release(avatar, "over")
        (session,) = vendor.account.active
        vendor.account.end(session, "its worker left")
        await provider.release(avatar, "over")


async def test_capabilities_follow_the_settings() -> None:
    async with open_vendor(FakeLemonSlice) as vendor:
        can = connect(
            LemonSliceProvider, vendor, **SETTINGS, audio_sample_rate=16_000, max_session_s=3600.0
        ).capabilities
        assert can.audio == AudioFormat(16_000)
        assert can.max_session_s == 3600.0
        assert can.ends_session
        assert LemonSliceProvider.capabilities.audio is None


async def test_probe_checks_the_key() -> None:
    async with open_vendor(FakeLemonSlice) as vendor:
        await connect(LemonSliceProvider, vendor, **SETTINGS).probe()
        with pytest.raises(AuthError, match="Invalid API key"):
            await connect(LemonSliceProvider, vendor, **{**SETTINGS, "api_key": "wrong"}).probe()
        assert not vendor.account.sessions


async def test_api_controls_send_the_documented_events() -> None:
    async with open_vendor(FakeLemonSlice) as vendor:
        provider = connect(LemonSliceProvider, vendor, **SETTINGS)
        avatar: Any = ControlledAvatar(provider, await provider.provision(make_request()))
        await controls.set_prompt(avatar, "look excited")
        await controls.set_idle_prompt(avatar, "bored")
        await controls.set_image(avatar, "https://example.com/hat.png")
        await controls.set_image(avatar, "data:image/png;base64,iVBORw==")
        await controls.trigger_pose(avatar, "celebrate")
        await controls.reset_idle_timeout(avatar)
        assert vendor.events == [
            {"event": "update-agent-prompt", "agent_prompt": "look excited"},
            {"event": "update-idle-prompt", "idle_prompt": "bored"},
            {"event": "update-image", "image_url": "https://example.com/hat.png"},
            {"event": "update-image", "image_base64": "data:image/png;base64,iVBORw=="},
            {"event": "pose-trigger", "pose_trigger": {"name": "celebrate"}},
            {"event": "reset-idle-timeout"},
        ]
        for event in vendor.events:
            check_schema(OPENAPI, "ControlEvent", event)
        with pytest.raises(RejectedError, match="413"):
            await controls.set_image(avatar, f"data:image/png;base64,{1_200_000 * 'A'}")
        assert not avatar.context.link.sent


async def test_actions_and_user_states_are_data_packets_to_the_avatar() -> None:
    async with open_vendor(FakeLemonSlice) as vendor:
        provider = connect(LemonSliceProvider, vendor, **SETTINGS)
        record = await provider.provision(make_request())
        avatar: Any = ControlledAvatar(provider, record)
        await controls.perform_action(avatar, "wave")
        await controls.set_user_state(avatar, "speaking")
        assert avatar.context.link.sent == [
            ("ls.action", {"action": "wave"}, [record.identity], True),
            ("ls.user-state", {"state": "speaking"}, [record.identity], True),
        ]
        for name, fields in (
            ("ls.action", {"action": "dance"}),
            ("ls.action", {}),
            ("ls.action", {"action": ["wave"]}),
            ("ls.user-state", {"state": "absent"}),
        ):
            with pytest.raises(UnsupportedCommandError, match="Use one of these values"):
                await avatar.control(name, **fields)
        with pytest.raises(UnsupportedCommandError, match="does not know the command 'terminate'"):
            await avatar.control("terminate")
        assert len(avatar.context.link.sent) == 2
        assert not vendor.events
        assert len(get_args(controls.Action)) == 41


async def test_fake_refuses_requests_that_the_documentation_excludes() -> None:
    async with open_vendor(FakeLemonSlice) as vendor:
        provider = connect(LemonSliceProvider, vendor, **SETTINGS)
        avatar = await provider.provision(make_request())
        path = f"/liveai/sessions/{avatar.session_id}"
        good = {"transport_type": "livekit", "properties": {}, "agent_id": min(AGENTS)}
        for route, body in (
            ("/liveai/sessions", {**good, "voice": "x"}),
            ("/liveai/sessions", {**good, "agent_image_url": "https://example.com/a.png"}),
            ("/liveai/sessions", {**good, "transport_type": "daily"}),
            ("/liveai/sessions", good),
            (f"{path}/control", {"event": "dance"}),
            (f"{path}/control", {"event": "update-image"}),
        ):
            with pytest.raises(RejectedError, match="400"):
                await provider.rest.call("POST", route, body)
        shown = await provider.rest.call("GET", path)
        assert shown.text("session_status") == "QUEUED"
        await provider.release(avatar, "over")
        assert (await provider.rest.call("GET", path)).text("session_status") == "COMPLETED"
