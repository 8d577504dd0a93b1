"""TavusProvider with a Tavus API in memory: errors, lookup, release, probe and emotions."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from avatar_provider_tavus import TavusProvider

from avatar_core import (
    AuthError,
    CapacityError,
    Outcome,
    PaymentError,
    ProtocolError,
    ProvisionedAvatar,
    ProvisionError,
    RejectedError,
    UnavailableError,
    UnsupportedCommandError,
)
from avatar_core.testing import FakeResponse, VendorFault, json_response
from providers.tavus.tests.server_harness import shop


async def test_lookup_finds_a_conversation_by_name_among_hundreds() -> None:
    async with shop() as at:
        provider = at.provider()
        for number in range(250):
            await provider.provision(at.request(number))
        at.tavus.bodies.clear()
        first = await provider.lookup("room-0")
        assert first is not None
        assert first.session_id == at.claimed[0].session_id
        assert [path for _, path, _ in at.tavus.bodies] == [
            f"/v2/conversations?status=active&limit=100&page={page}" for page in (1, 2, 3)
        ]
        assert await provider.lookup("room-250") is None
        await provider.release(first, "found")
        assert await provider.lookup("room-0") is None


async def test_release_is_idempotent_and_accepts_an_unknown_id() -> None:
    async with shop() as at:
        provider = at.provider()
        avatar = await provider.provision(at.request())
        for _ in range(2):
            await provider.release(avatar, "over")
        await provider.release(ProvisionedAvatar(session_id="cnever", identity="x"), "over")
        (session,) = at.tavus.account.sessions
        assert session.end_reason == "end_conversation_endpoint_hit"
        at.tavus.fail("end fails once")
        with pytest.raises(UnavailableError):
            await provider.release(avatar, "over")


async def test_rejected_end_raises_only_while_the_conversation_is_active() -> None:
    refused = VendorFault(on="end", status=400, message="There was an error ending it", times=2)
    async with shop() as at:
        provider = at.provider()
        avatar = await provider.provision(at.request())
        at.tavus.fail(refused)
        with pytest.raises(UnavailableError, match=r"session: .*There was an error") as caught:
            await provider.release(avatar, "over")
        assert caught.value.retryable
        (session,) = at.tavus.account.active
        at.tavus.account.end(session, "by its own page")
        await provider.release(avatar, "over")


@pytest.mark.parametrize(
    ("settings", "account", "kind", "said"),
    [
        ({"api_key": "of-another"}, {}, AuthError, "Invalid access token"),
        ({}, {"credits_s": 0.0}, PaymentError, "out of conversational credits"),
        ({}, {"slots": 0}, CapacityError, "maximum concurrent conversations"),
        ({"face_id": "r-none"}, {}, RejectedError, "Invalid replica_id"),
        ({"pal_id": "p-none"}, {}, RejectedError, "Invalid persona_id"),
        ({"test_mode": True}, {}, RejectedError, "test mode"),
    ],
)
async def test_error_phrase_selects_the_error_class(
    settings: dict[str, Any], account: dict[str, Any], kind: type[ProvisionError], said: str
) -> None:
    async with shop(**account) as at:
        with pytest.raises(kind, match=said) as caught:
            await at.provider(**settings).provision(at.request())
        error = caught.value
        assert type(error) is kind
        assert error.outcome is Outcome.REJECTED
        assert error.retryable is (kind is CapacityError)
        assert error.provider == "tavus"
        assert error.hint
        assert at.tavus.account.sessions == []


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:7880", "ws://localhost:7880", "ws://10.0.0.5:7880", ""]
)
async def test_private_livekit_url_is_rejected_before_the_first_request(url: str) -> None:
    async with shop() as at:
        request = replace(at.request(), livekit_url=url)
        with pytest.raises(UnavailableError, match="cannot connect to") as caught:
            await at.provider().provision(request)
        assert caught.value.outcome is Outcome.NOT_SENT
        assert not at.tavus.bodies
        if url:  # a simulator on this machine reaches it as we do
            await at.provider(api_url="http://127.0.0.1:1/v2").provision(request)


async def test_probe_checks_key_pal_and_face() -> None:
    async with shop() as at:
        await at.provider().probe()
        pals = at.tavus.catalogue
        own_mind = pals.add_pal({"default_face_id": "r0d1a2b3c4e5"})["pal_id"]
        on_daily = pals.add_pal({"pipeline_mode": "echo"})["pal_id"]
        speaks = {"pipeline_mode": "echo", "layers": {"transport": {"transport_type": "livekit"}}}
        faceless = pals.add_pal(speaks)["pal_id"]
        with_young = pals.add_pal({**speaks, "default_face_id": "r-young"})["pal_id"]
        pals.faces["r-young"] = {"face_id": "r-young", "status": "started"}
        for settings, said in (
            ({"pal_id": own_mind}, "not in echo mode"),
            ({"pal_id": on_daily}, "does not use the LiveKit transport"),
            ({"face_id": "r-young"}, "is not ready"),
            ({"face_id": "r-none"}, "Invalid replica_uuid"),
            ({"pal_id": faceless}, "has no default face"),
            ({"pal_id": with_young}, "r-young is not ready"),
            ({"test_mode": True}, "no avatar joins"),
            ({"api_key": "wrong"}, "Invalid access token"),
        ):
            with pytest.raises(ProvisionError, match=said):
                await at.provider(**settings).probe()
        await at.provider(pal_id=faceless, face_id="r0d1a2b3c4e5").probe()
        pals.pals[faceless]["default_replica_id"] = "r0d1a2b3c4e5"  # its old name
        await at.provider(pal_id=faceless).probe()
        assert at.tavus.account.sessions == []


async def test_probe_raises_protocol_error_for_an_empty_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with shop() as at:
        monkeypatch.setattr(at.tavus, "handle", empty)
        with pytest.raises(ProtocolError, match="does not contain an element in data"):
            await at.provider().probe()


async def empty(*_: object) -> FakeResponse:
    return json_response(200, {"data": []})


class Link:
    """Notes what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []

    async def send(self, topic: str, payload: bytes, *, to: list[str], reliable: bool) -> None:
        self.sent.append((topic, payload, to, reliable))


class Context:
    """As much of a `SinkContext` as a control needs."""

    def __init__(self) -> None:
        self.link = Link()
        self.avatar = ProvisionedAvatar(session_id="c1", identity="tavus-avatar-1")


async def test_control_sends_an_emotion_as_a_data_packet() -> None:
    async with shop() as at:
        ctx: Any = Context()
        command = {"name": "set_emotion", "emotion": "surprise"}
        await at.provider().control(ctx, command)
        ((topic, payload, to, reliable),) = ctx.link.sent
        assert (topic, to, reliable) == ("app_messages", ["tavus-avatar-1"], True)
        assert payload == (
            b'{"message_type": "conversation", "event_type": "conversation.set_emotion", '
            b'"properties": {"emotion": "surprise"}}'
        )
        with pytest.raises(UnsupportedCommandError, match="set_emotion"):
            await at.provider().control(ctx, {"name": "dance"})
        for wrong in ({}, {"emotion": "joyful"}, {"emotion": None}, {"emotion": ["anger"]}):
            with pytest.raises(
                UnsupportedCommandError, match=r"no emotion.*Use one of these emotions: neutral"
            ):
                await at.provider().control(ctx, {"name": "set_emotion", **wrong})
        assert len(ctx.link.sent) == 1


async def test_capabilities_follow_the_settings() -> None:
    async with shop() as at:
        assert at.provider(max_call_duration=120).capabilities.max_session_s == 120.0
        assert TavusProvider.capabilities.max_session_s is None
        assert at.provider().capabilities.ends_session
        before = time.time()
        avatar = await at.provider(max_call_duration=120).provision(at.request())
        assert avatar.expires_at is not None
        assert before + 120.0 <= avatar.expires_at <= time.time() + 120.0
