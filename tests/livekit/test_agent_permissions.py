"""Agents whose permissions keep their speech from every avatar, on a real server."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from livekit import rtc
from livekit.agents import AgentSession

from avatar_core.agents.create import create_avatar
from avatar_core.cli.checks import CheckResult, list_checks
from avatar_core.contracts.errors import Outcome, ProvisionError
from avatar_core.rtc.join import link_for
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token, livekit_settings
from tests.livekit.live_conversation import TEST_S
from tests.livekit.live_room import SMALL

pytestmark = pytest.mark.livekit

PERMISSIONS = pytest.mark.parametrize(
    ("grants", "problem"),
    [({"hidden": True}, "is hidden"), ({"can_publish_data": False}, "may not publish data")],
)


@pytest_asyncio.fixture
async def room() -> AsyncIterator[rtc.Room]:
    room = rtc.Room()
    yield room
    await room.disconnect()


async def join(
    room: rtc.Room, server: DevServer, attributes: dict[str, str] | None = None, **grants: bool
) -> None:
    """Join a new room as an agent."""
    name = f"permissions-{secrets.token_hex(4)}"
    token = create_token(server, name, f"agent-{name}", "agent", attributes, **grants)
    await room.connect(server.url, token)


@PERMISSIONS
async def test_start_reports_the_missing_permission_and_starts_no_paid_session(
    grants: dict[str, bool], problem: str, server: DevServer, room: rtc.Room
) -> None:
    async with asyncio.timeout(TEST_S):
        await join(room, server, **grants)
        session = AgentSession[None]()
        avatar = create_avatar(SMALL, livekit=livekit_settings(server))
        joined: list[str] = []
        room.on("participant_connected", lambda other: joined.append(other.identity))
        await avatar.start(session, room)
        error = avatar.last_error
        assert isinstance(error, ProvisionError)
        assert problem in str(error)
        assert error.outcome is Outcome.NOT_SENT
        await avatar.aclose()
        await session.aclose()
        assert joined == []


async def test_link_reports_the_default_permissions(server: DevServer, room: rtc.Room) -> None:
    await join(room, server)
    link = link_for(room)
    assert (link.is_hidden, link.can_publish_data) == (False, True)
    await link.aclose()


async def check_livekit(server: DevServer, patch: pytest.MonkeyPatch) -> CheckResult:
    """Run the check LiveKit of `avatar doctor`."""
    patch.setenv("LIVEKIT_URL", server.url)
    patch.setenv("LIVEKIT_API_KEY", server.api_key)
    patch.setenv("LIVEKIT_API_SECRET", server.api_secret)
    (check,) = [check for check in list_checks() if check.name == "LiveKit"]
    return await check.run()


@PERMISSIONS
async def test_doctor_warns_about_an_agent_that_no_avatar_can_hear(
    grants: dict[str, bool],
    problem: str,
    server: DevServer,
    room: rtc.Room,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await join(room, server, **grants)
    identity = room.local_participant.identity
    result = await check_livekit(server, monkeypatch)
    assert result.status == "warning"
    assert f"the agent {identity} in the room {room.name} {problem}" in result.message
    assert "WorkerPermissions" in result.hint


async def test_doctor_does_not_warn_about_a_hidden_avatar(
    server: DevServer, room: rtc.Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    await join(room, server, {"lk.publish_on_behalf": "agent"}, hidden=True)
    result = await check_livekit(server, monkeypatch)
    assert result.status in ("ok", "warning")
    assert str(room.name) not in result.message
